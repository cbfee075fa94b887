/* SPDX-License-Identifier: MIT */
#pragma once
/* Processes that a zygote says it has forked: the master may be root, and will send signals there. */

#include <stdbool.h>
#include <sys/types.h>

/* What the master knows of the zygote's family. */
struct untrusted_family {
        pid_t zygote;
        bool (*owns)(pid_t pid, void *userdata); /* some pool has that process */
        void *userdata;
};

/* Whether a pidfd is a worker that the zygote has forked. It is a child of the zygote, and nobody whom any pool has
 * already. When the zygote has died meanwhile it is the master's child, and known by the process group: its zygote's,
 * which no process outside of that family can be in. 0; UNTRUSTED_PROCESS_E_REAPED: it has ended meanwhile, so no
 * signal finds anybody; -EBADMSG: it is not; other -errno. */
enum { UNTRUSTED_PROCESS_E_REAPED = 1 };
int untrusted_process_check(const struct untrusted_family *family, pid_t claimed, int pidfd);
