/* SPDX-License-Identifier: MIT */
/* See helper.h. */

#include "ipc/helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "base/fd.h"
#include "base/program.h"
#include "base/title.h"
#include "ipc/inherit.h"

int helper_check_descriptors(int end, int journal, int log) {
        for (int fd = INHERIT_FIRST; fd < end; fd++) {
                int r = fd_set_cloexec(fd, true);

                if (r < 0 && fd != journal && fd != log)
                        return r;
        }
        return 0;
}

int helper_take_signals(const int *signals, size_t n) {
        static const int ignored[] = { SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGQUIT };
        sigset_t set;
        int fd;

        sigemptyset(&set);
        for (size_t i = 0; i < n; i++)
                sigaddset(&set, signals[i]);
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                if (!sigismember(&set, ignored[i]))
                        signal(ignored[i], SIG_IGN);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

void helper_set_title(const char *role, const char *pool) {
        char title[160], name[16];

        snprintf(title, sizeof(title), "%s: %s %s", program_name(), role, pool);
        title_set(title);
        snprintf(name, sizeof(name), "fpmd-%s", role);
        title_set_command(name);
}
