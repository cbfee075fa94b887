/* SPDX-License-Identifier: MIT */
#pragma once
/* What the kernel tells of a unix socket over sock_diag(7). */

#include <stdbool.h>
#include <stdint.h>

struct unixdiag {
        bool listens; /* the next two are known */
        uint32_t waiting, limit;
        bool has_file;
        uint32_t inode; /* of its file: the kernel's number, which stat(2) may show differently, its lower half */
};

/* False: the kernel does not tell (it has no unix_diag, or the socket is of another network namespace). */
bool unixdiag_ask(int fd, struct unixdiag *ret);

/* The same of any socket of this network namespace, by its inode. */
bool unixdiag_ask_inode(uint32_t inode, struct unixdiag *ret);

/* Whether file, a descriptor (O_PATH), is the file that the socket was bound to. True as well where that cannot be
 * told. */
bool unixdiag_is_file(int fd, int file);

/* The same; false where that cannot be told. */
bool unixdiag_is_surely_file(int fd, int file);
