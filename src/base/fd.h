/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * File descriptors: closed by scope, close-on-exec from birth, handed to a child only by an explicit list.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

/* Closes fd unless it is negative; keeps errno. Returns -1, to be assigned: fd = fd_close(fd). */
int fd_close(int fd);

static inline void fd_closep(int *fd) {
        fd_close(*fd);
}
#define _cleanup_fd_ _cleanup_(fd_closep)

/* Of a folder's stream. */
static inline void fd_closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}
#define _cleanup_dir_ _cleanup_(fd_closedirp)

/* Sets or clears FD_CLOEXEC. 0, or -errno (fcntl(2)). */
int fd_set_cloexec(int fd, bool on);

/* Sets or clears O_NONBLOCK; it belongs to the open file description, which other processes may share. 0 or -errno. */
int fd_set_nonblock(int fd, bool on);

/* Mends what another process that shares the description has done to it: sets O_NONBLOCK, and says when it was not set.
 * That process may clear it again at any time (nowait.h). 0 or -errno. */
enum { FD_E_BLOCKING = 1 };
int fd_keep_nonblock(int fd);

/* Something is open under the number. */
bool fd_is_open(int fd);

/* Opens /dev/null as each of the first three numbers that the caller of this program has closed: what is opened later
 * would else be printed to. Call first in main(). 0 or -errno. */
int fd_open_standard(void);

/* Whether both lead to the same file, pipe or terminal. */
bool fd_is_same_file(int a, int b);

/* Reads the whole of a file from its current offset into a fresh NUL-terminated buffer that the caller frees. More
 * than max bytes: -EFBIG. *ret_n (may be NULL) does not count the NUL. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_n);

/* fd_read_all() for a path. */
int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_n);

/* The same, of plain files alone: it waits for no writer of a FIFO and no device. -EISDIR for a folder, -EMEDIUMTYPE
 * for anything else. */
int fd_read_plain_file(const char *path, size_t max, char **ret, size_t *ret_n);

/* Writes all n bytes to a blocking descriptor, over any number of partial writes. 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/* An empty memfd that can be sealed, and can not be executed where the kernel knows how to say so (a system may refuse
 * any other: sysctl vm.memfd_noexec). The descriptor (close-on-exec, the caller's) or -errno. */
int fd_new_memfd(const char *name);

/* Adds seals (F_SEAL_..., fcntl(2)), which nobody can take away again. 0 or -errno. */
int fd_seal(int fd, int seals);

/* A memfd that holds the n bytes, sealed against every change, its offset at 0. The descriptor (close-on-exec, the
 * caller's) or -errno. */
int fd_new_sealed(const char *name, const void *data, size_t n);

/* Bytes that a socket was given and its peer has not taken: SIOCOUTQ of tcp(7) and unix(7). -errno when it
 * cannot tell. */
int fd_unsent(int fd);

/* Bytes that have come to a socket, of a stream or of messages, and nobody has read: SIOCINQ. -errno when it cannot
 * tell. */
int fd_unread(int fd);

/* Whether the peer has taken something since *unsent was fd_unsent(); *unsent is read anew. Yes when nobody had looked
 * (it is negative), no when the socket cannot tell. It tells a slow peer from a silent one, where the kernel calls a
 * socket writable only when a third of what waits has gone. */
bool fd_has_drained(int fd, int *unsent);

/* Descriptors that this process has open (/proc/self/fd). -errno; -EMFILE when there is none left to look with. */
int fd_count_open(void);

/* Above every number of an open descriptor: the size of the kernel's table, which only grows. -errno: unknown. */
int fd_table_size(void);

/* Adds one to an eventfd: wakes whoever waits on it. 0, or -errno: -EAGAIN when the counter is full, so it is ringing
 * already; with O_NONBLOCK it does not wait then. */
int fd_ring(int event_fd);

/* Takes the rings of an eventfd, of which there may be none (false). Does not wait, whatever others have done to
 * O_NONBLOCK. */
bool fd_hear(int event_fd);
