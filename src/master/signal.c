/* SPDX-License-Identifier: MIT */
/* Signals of the master, php-fpm's meanings: each is an event of the loop, translated into one call. */

#include "master/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/signals.h"
#include "log/log.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/pools.h"
#include "master/stop.h"

static void signal_tell(const struct signalfd_siginfo *si) {
        log_debug("received SIG%s", sigabbrev_np((int)si->ssi_signo));
}

static int signal_on_stop(_unused_ sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        signal_tell(si);
        master_stop(userdata, true);
        return 0;
}

/* With --drain-time it is a supervisor's word for a stop in good order, the first time. */
static int signal_on_term(_unused_ sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        struct master *m = userdata;

        signal_tell(si);
        if (m->options->drains && !master_is_stopping(m))
                stop_begin(m);
        else
                master_stop(m, true);
        return 0;
}

static int signal_on_quit(_unused_ sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        signal_tell(si);
        stop_begin(userdata);
        return 0;
}

static int signal_on_reload(_unused_ sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        signal_tell(si);
        master_reload(userdata, "", 0);
        return 0;
}

static int signal_on_reopen(_unused_ sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        signal_tell(si);
        logs_reopen(userdata);
        return 0;
}

static int signal_on_child(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        pools_reap_strangers(userdata);
        return 0;
}

int signal_attach(struct master *m) {
        static const struct {
                int sig;
                sd_event_signal_handler_t handler;
                const char *name;
        } rows[] = {
                { SIGTERM, signal_on_term, "stop-or-drain" },   { SIGINT, signal_on_stop, "stop-at-once" },
                { SIGQUIT, signal_on_quit, "stop-when-done" },  { SIGUSR1, signal_on_reopen, "reopen-logs" },
                { SIGUSR2, signal_on_reload, "reload" },        { SIGHUP, signal_on_reload, "reload" },
                { SIGCHLD, signal_on_child, "reap-strangers" },
        };
        sigset_t set;

        signal(SIGPIPE, SIG_IGN); /* logs and sockets whose readers are gone say EPIPE */
        signal(SIGCHLD, SIG_DFL); /* whoever started this may have ignored it: then nobody can wait for a child */
        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                sigaddset(&set, rows[i].sig);
        /* What it sends to helpers itself. They begin with this mask: what comes before they take signals waits. */
        sigaddset(&set, PARK_SIGNAL_RETIRE);
        sigaddset(&set, LOGGER_SIGNAL_FINISH);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                sd_event_source *s;
                int r = sd_event_add_signal(m->event, &s, rows[i].sig, rows[i].handler, m);

                if (r < 0)
                        return r;
                sd_event_source_set_description(s, rows[i].name);
                r = sd_event_source_set_floating(s, true); /* lives as long as the loop */
                sd_event_source_unref(s);
                if (r < 0)
                        return r;
        }
        return 0;
}
