/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Paths that root opens, makes and removes, in folders that others may write into. A process that is root goes through
 * a symbolic link only where root made it: one that another user has planted would have it work on a file of that
 * user's choice. For any other process a path means what it always means.
 */

#include <sys/types.h>

#include "base/macros.h"

/* open(2), close-on-exec. A descriptor, the caller's, or -errno; -ELOOP: a symbolic link of another user is in the way.
 */
int trusted_open(const char *path, int flags, mode_t mode);

/* The folder that a path's last name is in (O_PATH), and that name, which points into path; a link under that name is
 * not followed. The descriptor or -errno, as above; -EISDIR: there is no last name. */
int trusted_open_folder(const char *path, const char **ret_name);

/* From here on to trusted_forget() the folder of the path before is not walked to again: sockets of thousands of
 * pools are in one, and each is looked for several times. Where the path leads elsewhere by then, the folder is still
 * one that could be trusted. */
void trusted_remember(void);
void trusted_forget(void);

/* unlink(2) of such a name. 0 or -errno. */
int trusted_unlink(const char *path);
