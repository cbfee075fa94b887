/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The process that has CAP_SYS_CHROOT for a pool: one of its own that runs no PHP and shares nothing with the zygote
 * but its root and working directory (CLONE_FS of clone(2)). The folder that it enters, the zygote has entered.
 */

/* The folder that is to be the root, opened by who the master is: close-on-exec. -errno, as of trusted_open(). */
int chroot_open(const char *path);

/*
 * Called in a process that is to be a zygote, and has the capability: starts the process, a child of the master, and
 * gives the capability up, as everything else of its kind. It waits for one request (ipc/chroot.h), answers, and ends;
 * it ends as well when the zygote does. folder is closed. ret_fd: the zygote's end, close-on-exec. 0; -EPERM: this
 * process does not have the capability; other -errno.
 */
int chroot_start(int folder, int *ret_fd);
