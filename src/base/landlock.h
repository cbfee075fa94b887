/* SPDX-License-Identifier: MIT */
#pragma once
/* Landlock, the kernel's own: what a process, and all that come of it, may reach in the file system. */

#include <stdint.h>

/* The first ABI whose rules hold truncate(2) as well: Linux 6.2. */
#define LANDLOCK_ABI_TRUNCATE 3

/* The release of the kernel's interface, 1 or more; -ENOSYS: the kernel has none, or a filter hides it; -EOPNOTSUPP:
 * it is not switched on (lsm= of the kernel's command line). */
int landlock_abi(void);
/* That errno in words, for who has to mend it. */
const char *landlock_describe_error(int r);

enum landlock_use {
        LANDLOCK_READ,   /* files and folders are read, programs are started */
        LANDLOCK_WRITE,  /* files and folders are read, changed, made and removed; none is started */
        LANDLOCK_DEVICE, /* read and written: a file that is there */
};

/* What a use is by the kernel's numbers (LANDLOCK_ACCESS_FS_...), as far as that ABI knows them. */
uint64_t landlock_rights(int abi, enum landlock_use use);
/* All that is denied where no rule allows it. */
uint64_t landlock_handled(int abi);

/* Rules for a process, with none yet. *ret: the caller's to close. 0 or -errno. */
int landlock_open(int abi, int *ret);
/* Allows that use of a file or folder (O_PATH, the caller's), and of all below it. 0 or -errno. */
int landlock_allow(int rules, uint64_t rights, int place);
/* For good, in this thread and all that come of it, which cannot gain privileges any more. 0 or -errno. */
int landlock_enter(int rules);
