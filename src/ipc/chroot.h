/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Between a zygote and the process that puts it into its pool's chroot (child/chroot.c), over a SEQPACKET pair: one
 * request, a byte that says nothing, and one answer. The zygote checks that its root has become the folder that the
 * answer names.
 */

#include <stdint.h>

struct ipc_chroot_answer {
        int32_t error; /* errno, or 0: the root is the folder below */
        uint32_t unused;
        uint64_t device; /* as stat(2) has them */
        uint64_t inode;
};
