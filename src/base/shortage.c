/* SPDX-License-Identifier: MIT */
/* See shortage.h. The limits are those of this process and of its user: the process that has met one describes it. */

#include "base/shortage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

bool shortage_is(int r) {
        return r == -EAGAIN || r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOSPC;
}

static void shortage_limit(__rlimit_resource_t which, char buf[static 32]) {
        struct rlimit limit;

        if (getrlimit(which, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                snprintf(buf, 32, "unlimited");
        else
                snprintf(buf, 32, "%llu", (unsigned long long)limit.rlim_cur);
}

const char *shortage_describe(int r, char buf[static SHORTAGE_TEXT_MAX]) {
        char limit[32];

        switch (r) {
        case -EMFILE:
                shortage_limit(RLIMIT_NOFILE, limit);
                snprintf(buf, SHORTAGE_TEXT_MAX, "%s: RLIMIT_NOFILE is %s (LimitNOFILE=, ulimit -n)", strerror(-r),
                         limit);
                break;
        case -ENFILE:
                snprintf(buf, SHORTAGE_TEXT_MAX, "%s (sysctl fs.file-max)", strerror(-r));
                break;
        case -EAGAIN:
                shortage_limit(RLIMIT_NPROC, limit);
                snprintf(buf, SHORTAGE_TEXT_MAX,
                         "%s: RLIMIT_NPROC of the user is %s (LimitNPROC=, ulimit -u), and the unit may have a "
                         "TasksMax=",
                         strerror(-r), limit);
                break;
        default:
                snprintf(buf, SHORTAGE_TEXT_MAX, "%s", strerror(-r));
        }
        return buf;
}
