/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where a path of security.read_path and security.write_path leads. Links are followed, but none that is in a folder
 * which the pool may write: who puts a link there would choose by itself what the pool's next worker reaches.
 */

#include <stddef.h>
#include <sys/types.h>

struct folderpath_id {
        dev_t dev;
        ino_t ino;
};

/* The folders that the pool may write. All zero: none. */
struct folderpath_writable {
        struct folderpath_id *items;
        size_t n;
};

/* One more, wherever it leads; what cannot be opened is none. 0 or -ENOMEM. */
int folderpath_add(struct folderpath_writable *w, const char *path);

void folderpath_done(struct folderpath_writable *w);

/* O_PATH, close-on-exec. 0 and the caller's *ret_fd; FOLDERPATH_E_LINK: a link of the pool's may be on the way; -errno.
 */
enum { FOLDERPATH_E_LINK = 1 };
int folderpath_open(const struct folderpath_writable *w, const char *path, int *ret_fd);
