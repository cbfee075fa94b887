/* SPDX-License-Identifier: MIT */
/*
 * fpmtrace: the stages of fpmd's requests, live, from the probes in the workers. This file is its life: find the
 * binaries, attach, wait for the timer, events and signals, detach, read a last time. The last reading comes after the
 * detaching, so that the summary is exact and final.
 *
 * While it runs it looks for new binaries at each refresh: an upgrade brings a new file, and a reload starts it.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli.h"
#include "options.h"
#include "render.h"
#include "session.h"

#define CLEAR_SCREEN "\033[H\033[2J"

struct tracer {
        struct trace_options options;
        struct trace_targets targets;
        struct trace_session *session;
        struct trace_snapshot *last; /* the reading before */
        uint64_t start_ns;
        uint64_t n_shown; /* refreshes, or lines */
        uint64_t n_lost_told;
        struct text out;
        int signal_fd, interval_fd, duration_fd;
};

static void fpmtrace_tracer_done(struct tracer *t) {
        trace_session_free(t->session);
        trace_snapshot_free(t->last);
        trace_targets_done(&t->targets);
        text_done(&t->out);
        fd_close(t->signal_fd);
        fd_close(t->interval_fd);
        fd_close(t->duration_fd);
}

static int fpmtrace_complain(const char *what) {
        fprintf(stderr, "fpmtrace: %s\n", what);
        return -EINVAL;
}

static int fpmtrace_complain_errno(const char *what, int r) {
        fprintf(stderr, "fpmtrace: %s: %s\n", what, strerror(-r));
        return r;
}

static int fpmtrace_check_pid(pid_t pid) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d", pid);
        return access(path, F_OK) < 0 ? fpmtrace_complain("--pid: there is no such process") : 0;
}

/* Process ids are numbers of a namespace: ours, as /proc is. */
static int fpmtrace_find_namespace(__u32 *ret) {
        struct stat st;

        if (stat("/proc/self/ns/pid", &st) < 0)
                return fpmtrace_complain_errno("/proc/self/ns/pid", -errno);
        *ret = (__u32)st.st_ino;
        return 0;
}

static int fpmtrace_find_targets(struct tracer *t) {
        const struct trace_options *o = &t->options;
        int r;

        if (o->binary) {
                r = trace_targets_add(&t->targets, o->binary);
                return r < 0 ? fpmtrace_complain_errno(o->binary, r) : 0;
        }
        if (o->pid > 0 && (r = fpmtrace_check_pid((pid_t)o->pid)) < 0)
                return r;
        r = trace_targets_scan(&t->targets, (pid_t)o->pid);
        if (r < 0)
                return fpmtrace_complain_errno("cannot look for processes", r);
        if (t->targets.n > 0)
                return 0;
        if (o->pid > 0)
                return fpmtrace_complain("--pid: neither that process nor a descendant of it is an fpmd-zygote");
        if (t->targets.n_denied > 0 && !trace_system_sees_others())
                return fpmtrace_complain(
                        "no fpmd-zygote found, but other users' processes cannot be seen without CAP_SYS_PTRACE");
        return fpmtrace_complain("no fpmd-zygote runs (--binary PATH traces one that is still to be started)");
}

/* Attaches to the targets that are new. One that cannot be traced does not keep the others from it. The number of those
 * that are traced now. */
static int fpmtrace_attach_targets(struct tracer *t) {
        int n = 0;

        for (size_t i = 0; i < t->targets.n; i++) {
                struct trace_target *target = &t->targets.items[i];
                _cleanup_text_ struct text reason = {};

                if (target->tried)
                        continue;
                target->tried = true;
                if (trace_session_attach(t->session, target, &reason) < 0) {
                        fprintf(stderr, "fpmtrace: %s\n", text_peek(&reason));
                        continue;
                }
                fprintf(stderr, "fpmtrace: tracing %s\n", target->name);
                n++;
        }
        return n;
}

static int fpmtrace_open_session(struct tracer *t) {
        const struct trace_options *o = &t->options;
        struct trace_filter filter = { .pid = (__u32)o->pid, .follow = o->follow, .personal = o->personal };
        _cleanup_text_ struct text reason = {};
        int r;

        r = fpmtrace_find_namespace(&filter.pid_namespace);
        if (r < 0)
                return r;
        if (o->pool)
                text_copy(filter.pool, sizeof(filter.pool), o->pool, strlen(o->pool));
        r = trace_session_open(&filter, o->verbose, &t->session, &reason);
        if (r < 0) {
                fprintf(stderr, "fpmtrace: %s\n", reason.n > 0 ? text_peek(&reason) : strerror(-r));
                return r;
        }
        t->start_ns = time_read_nsec(CLOCK_MONOTONIC);
        if (fpmtrace_attach_targets(t) == 0)
                return -ENOENT;
        fputs("fpmtrace: attached; Ctrl-C ends\n", stderr); /* to everything there is, unlike the lines before it */
        return 0;
}

static int fpmtrace_open_timer(usec_t first, usec_t every, int *ret) {
        struct itimerspec spec = {
                .it_value = { .tv_sec = (time_t)(first / USEC_PER_SEC) },
                .it_interval = { .tv_sec = (time_t)(every / USEC_PER_SEC) },
        };

        *ret = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (*ret < 0 || timerfd_settime(*ret, 0, &spec, NULL) < 0)
                return -errno;
        return 0;
}

/* Before the session: a signal that comes while attaching ends us cleanly, too. */
static int fpmtrace_open_signals(struct tracer *t) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        signal(SIGPIPE, SIG_IGN);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return t->signal_fd < 0 ? -errno : 0;
}

static int fpmtrace_open_timers(struct tracer *t) {
        int r;

        r = fpmtrace_open_timer(t->options.interval, t->options.interval, &t->interval_fd);
        if (r == 0 && t->options.duration != USEC_INFINITY)
                r = fpmtrace_open_timer(t->options.duration, 0, &t->duration_fd);
        return r;
}

static int fpmtrace_flush(struct tracer *t) {
        int r;

        if (t->out.failed)
                return -ENOMEM;
        r = fd_write_all(STDOUT_FILENO, text_peek(&t->out), t->out.n);
        text_done(&t->out);
        return r;
}

static bool fpmtrace_is_last(const struct tracer *t) {
        return t->options.count > 0 && t->n_shown >= t->options.count;
}

static int fpmtrace_show_event(void *ctx, void *data, size_t n) {
        struct tracer *t = ctx;

        if (fpmtrace_is_last(t)) /* what is left in the ring */
                return 0;
        trace_render_event(&t->out, data, n, t->start_ns);
        t->n_shown++;
        return 0;
}

static int fpmtrace_show_events(struct tracer *t) {
        int r = trace_session_events(t->session, fpmtrace_show_event, t);

        return r < 0 ? r : fpmtrace_flush(t);
}

static void fpmtrace_tell_lost(struct tracer *t, const struct trace_snapshot *now) {
        if (now->lost.events == t->n_lost_told)
                return;
        fprintf(stderr, "fpmtrace: %llu lines lost so far, output is too slow\n", (unsigned long long)now->lost.events);
        t->n_lost_told = now->lost.events;
}

static int fpmtrace_refresh(struct tracer *t) {
        _cleanup_snapshot_ struct trace_snapshot *now = NULL;
        int r;

        if (!t->options.binary) {
                r = trace_targets_scan(&t->targets, (pid_t)t->options.pid);
                if (r < 0)
                        return r;
                fpmtrace_attach_targets(t);
        }
        if (t->options.json)
                return 0;
        r = trace_session_read(t->session, &now);
        if (r < 0)
                return r;
        if (t->options.follow) {
                fpmtrace_tell_lost(t, now);
                return 0;
        }
        if (isatty(STDOUT_FILENO))
                text_append(&t->out, CLEAR_SCREEN);
        trace_render_table(&t->out, now, t->last);
        trace_snapshot_free(t->last);
        t->last = TAKE_PTR(now);
        return fpmtrace_flush(t);
}

/* One round. 0; positive when it is time to end; -errno. */
static int fpmtrace_wait_and_handle(struct tracer *t) {
        enum { SIGNAL, DURATION, INTERVAL, EVENTS };
        struct pollfd fds[] = {
                [SIGNAL] = { .fd = t->signal_fd, .events = POLLIN },
                [DURATION] = { .fd = t->duration_fd, .events = POLLIN },
                [INTERVAL] = { .fd = t->interval_fd, .events = POLLIN },
                [EVENTS] = { .fd = trace_session_events_fd(t->session), .events = POLLIN },
        };
        uint64_t ticks;
        int r;

        if (poll(fds, ELEMENTSOF(fds), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[SIGNAL].revents || fds[DURATION].revents)
                return 1;
        if (fds[EVENTS].revents) {
                r = fpmtrace_show_events(t);
                if (r < 0)
                        return r;
        }
        if (fds[INTERVAL].revents && read(t->interval_fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
                r = fpmtrace_refresh(t);
                if (r < 0)
                        return r;
                if (!t->options.follow)
                        t->n_shown++;
        }
        return fpmtrace_is_last(t);
}

static int fpmtrace_finish(struct tracer *t) {
        _cleanup_snapshot_ struct trace_snapshot *now = NULL;
        int r;

        trace_session_detach(t->session);
        r = fpmtrace_show_events(t);
        if (r < 0)
                return r;
        r = trace_session_read(t->session, &now);
        if (r < 0)
                return r;
        if (t->options.json)
                trace_render_json(&t->out, now);
        else {
                text_append(&t->out, "\n");
                trace_render_summary(&t->out, now);
        }
        return fpmtrace_flush(t);
}

static int fpmtrace_run(struct tracer *t) {
        int r;

        r = fpmtrace_open_signals(t);
        if (r < 0)
                return fpmtrace_complain_errno("cannot wait for signals", r);
        r = fpmtrace_find_targets(t);
        if (r < 0)
                return r;
        r = fpmtrace_open_session(t);
        if (r < 0)
                return r;
        r = fpmtrace_open_timers(t);
        if (r < 0)
                return fpmtrace_complain_errno("cannot set timers", r);

        while ((r = fpmtrace_wait_and_handle(t)) == 0)
                ;
        if (r > 0)
                r = fpmtrace_finish(t);
        if (r < 0 && r != -EPIPE) /* the reader has seen enough */
                return fpmtrace_complain_errno("stopped", r);
        return 0;
}

int main(int argc, char *argv[]) {
        _cleanup_(fpmtrace_tracer_done) struct tracer t = { .signal_fd = -1, .interval_fd = -1, .duration_fd = -1 };
        _cleanup_text_ struct text reason = {};
        int r;

        r = trace_options_parse(argc, argv, &t.options);
        if (r == CLI_E_EXIT)
                return 0;
        if (r != 0)
                return 2;
        if (trace_system_check(&reason) < 0) {
                fprintf(stderr, "fpmtrace: %s\n", text_peek(&reason));
                return 1;
        }
        return fpmtrace_run(&t) < 0 ? 1 : 0;
}
