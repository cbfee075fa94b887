/* SPDX-License-Identifier: MIT */
/*
 * See landlock(7). The three calls have no wrapper in libc, and there is no library for C in Debian.
 *
 * An ABI has more rights than the one before; a right that a ruleset does not handle is allowed everywhere. Rights that
 * are about devices' ioctl(2), TCP ports, signals and abstract sockets are not handled: this is about files.
 */

#include "base/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers of Linux before 5.19 and 6.2 lack these. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define LANDLOCK_ABI_REFER 2

#define LANDLOCK_RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define LANDLOCK_RIGHTS_DEVICE                                                                                         \
        (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define LANDLOCK_RIGHTS_WRITE                                                                                          \
        (LANDLOCK_RIGHTS_DEVICE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                        \
         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                  \
         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |                   \
         LANDLOCK_ACCESS_FS_REFER)

/* What a rule for anything but a folder can have. */
#define LANDLOCK_RIGHTS_FILE (LANDLOCK_RIGHTS_DEVICE | LANDLOCK_ACCESS_FS_EXECUTE)

int landlock_abi(void) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? -errno : (int)abi;
}

const char *landlock_describe_error(int r) {
        if (r == -EOPNOTSUPP)
                return "this kernel's Landlock is not switched on (lsm= of its command line)";
        if (r == -ENOSYS)
                return "this kernel has no Landlock, which came with Linux 5.13";
        if (r == -EPERM)
                return "a filter of system calls keeps Landlock away (SystemCallFilter= of the unit, or a container's)";
        return strerror(-r);
}

static uint64_t landlock_known(int abi, uint64_t rights) {
        if (abi < LANDLOCK_ABI_REFER)
                rights &= ~LANDLOCK_ACCESS_FS_REFER;
        return abi < LANDLOCK_ABI_TRUNCATE ? rights & ~LANDLOCK_ACCESS_FS_TRUNCATE : rights;
}

uint64_t landlock_rights(int abi, enum landlock_use use) {
        static const uint64_t rights[] = { [LANDLOCK_READ] = LANDLOCK_RIGHTS_READ,
                                           [LANDLOCK_WRITE] = LANDLOCK_RIGHTS_WRITE,
                                           [LANDLOCK_DEVICE] = LANDLOCK_RIGHTS_DEVICE };

        return landlock_known(abi, rights[use]);
}

uint64_t landlock_handled(int abi) {
        return landlock_known(abi, LANDLOCK_RIGHTS_READ | LANDLOCK_RIGHTS_WRITE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                           LANDLOCK_ACCESS_FS_MAKE_BLOCK);
}

int landlock_open(int abi, int *ret) {
        struct landlock_ruleset_attr attr = { .handled_access_fs = landlock_handled(abi) };
        /* The size says how much of the struct is meant: its first field, all that ABI 1 has. */
        long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);

        if (fd < 0)
                return -errno;
        *ret = (int)fd;
        return 0;
}

int landlock_allow(int rules, uint64_t rights, int place) {
        struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = place };
        struct stat st;

        if (fstat(place, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                rule.allowed_access &= LANDLOCK_RIGHTS_FILE;
        return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_enter(int rules) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, rules, 0) < 0)
                return -errno;
        return 0;
}
