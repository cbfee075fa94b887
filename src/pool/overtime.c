/* SPDX-License-Identifier: MIT */
/*
 * Acting on pool/patience.h. Requests are looked at in the scoreboard, which is not trusted: it says how long a request
 * has taken and what it is called, and a lie there ends or logs the liar's own pool. Whom to signal is the master's own
 * knowledge, and is done through the pidfd.
 *
 * Where a worker's PHP code is, is asked of its zygote (TRACE), which reads it from the worker's memory without
 * stopping it. Until the answer comes, what
 * was said about the request waits in a case of the worker's; a worker that is to end waits for it too, but not long.
 */

#include "pool/overtime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "ipc/message.h"
#include "log/file.h"
#include "log/line.h"
#include "log/log.h"
#include "pool/patience.h"
#include "scoreboard/read.h"
#include "scoreboard/slot.h"

/* Orders to trace that may be unanswered, so that the socket never fills while the zygote answers. */
#define OVERTIME_TRACES_MAX 16U

/* A slot whose writer was at work is looked at again after this time, and so is one that the zygote has no time for. */
#define OVERTIME_RETRY (20 * USEC_PER_MSEC)

/* For how long a request is not yet told of as slow, since its zygote has enough to trace. When that hangs, it is told
 * without a backtrace. */
#define OVERTIME_PUT_OFF (5 * USEC_PER_SEC)

/* From one look to the next at least: slots that lie about their times cannot keep the master busy. */
#define OVERTIME_PAUSE (5 * USEC_PER_MSEC)

/* A request that is being traced, as it was when that began. */
struct overtime_case {
        bool slow;      /* for the slow log */
        bool condemned; /* for the error log */
        struct scoreboard_slot slot;
};

static struct patience_limits overtime_limits(const struct generation *g) {
        const struct conf_pool *c = g->conf;

        return (struct patience_limits){ .terminate = c->request_terminate_timeout,
                                         .slow = c->request_slowlog_timeout,
                                         .track_finished = c->request_terminate_timeout_track_finished,
                                         .traceable = c->request_slowlog_timeout > 0 || c->process_dumpable };
}

int overtime_open_log(struct generation *g) {
        int fd;

        if (!g->conf->slowlog || g->conf->request_slowlog_timeout == 0)
                return 0;
        fd = log_file_open(g->conf->slowlog);
        if (fd < 0) {
                log_error("[pool %s] cannot open the slow log '%s': %s", g->pool->name, g->conf->slowlog,
                          strerror(-fd));
                return fd;
        }
        fd_close(g->slow_log.fd);
        log_out_change(&g->slow_log, fd);
        return 0;
}

void pool_reopen_slow_log(struct pool *p) {
        for (struct generation *g = p->generations; g; g = g->next)
                if (overtime_open_log(g) == 0 && g->slow_log.fd >= 0 && g == p->current)
                        log_own("[pool %s] slow log file re-opened", p->name);
}

/* "GET /index.php?a=1" */
static void overtime_describe(const struct scoreboard_slot *s, char *buf, size_t n) {
        snprintf(buf, n, "%s %s%s%s", s->method, s->uri, *s->query ? "?" : "", s->query);
}

/* What php-fpm says is a warning; what it does not say, details of that, is one too, but under php-fpm's name only for
 * debugging. */
static void overtime_log(const struct pool *p, const struct pool_worker *w, const struct scoreboard_slot *s,
                         enum log_event event, const char *message) {
        log_write(&(struct log_entry){ .level = event != LOG_EVENT_NONE || !program_is_php_fpm() ? LOG_LEVEL_WARNING
                                                                                                 : LOG_LEVEL_DEBUG,
                                       .event = event,
                                       .pool = p->name,
                                       .message = message,
                                       .method = s->method,
                                       .uri = s->uri,
                                       .script = s->script,
                                       .worker_pid = (uint64_t)w->pid,
                                       .generation = w->generation->number });
}

static void overtime_log_request(const struct pool *p, const struct pool_worker *w, const struct scoreboard_slot *s,
                                 enum log_event event, const char *what, usec_t taken, const char *then) {
        char request[SCOREBOARD_METHOD_MAX + SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        char message[sizeof(request) + SCOREBOARD_SCRIPT_MAX + 160];

        overtime_describe(s, request, sizeof(request));
        snprintf(message, sizeof(message), "child %d, script '%s' (request: \"%s\") %s (%.6f sec), %s", w->pid,
                 s->script, request, what, (double)taken / (double)USEC_PER_SEC, then);
        overtime_log(p, w, s, event, message);
}

/* One line of the log for each of the trace. */
static void overtime_log_trace(const struct pool *p, const struct pool_worker *w, const struct scoreboard_slot *s,
                               const char *trace) {
        while (*trace) {
                size_t n = strcspn(trace, "\n");
                char message[4096];

                snprintf(message, sizeof(message), "child %d: %.*s", w->pid, (int)MIN(n, sizeof(message)), trace);
                overtime_log(p, w, s, LOG_EVENT_NONE, message);
                trace += n + (trace[n] == '\n');
        }
}

static void overtime_append_line(struct text *t, const char *name, const char *value) {
        text_printf(t, "%s = ", name);
        log_line_escape(value, t);
        text_append_c(t, '\n');
}

/* php-fpm's entry, with two lines more. One write. */
static void overtime_write_slow(const struct pool *p, const struct pool_worker *w, const struct scoreboard_slot *s,
                                const char *trace) {
        char uri[SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        _cleanup_text_ struct text t = {};

        if (w->generation->slow_log.fd < 0)
                return;
        text_append_c(&t, '\n'); /* ends one that was cut, too */
        log_line_time(time_wall(), false, &t);
        text_printf(&t, " [pool %s] pid %d\n", p->name, w->pid);
        overtime_append_line(&t, "script_filename", s->script);
        overtime_append_line(&t, "request_method", s->method);
        snprintf(uri, sizeof(uri), "%s%s%s", s->uri, *s->query ? "?" : "", s->query);
        overtime_append_line(&t, "request_uri", uri);
        text_append(&t, trace);
        if (t.failed)
                log_error("[pool %s] an entry of the slow log is lost: %s", p->name, strerror(ENOMEM));
        else
                (void)log_out_write(&w->generation->slow_log, t.data, t.n);
}

/* php-fpm's lines about a backtrace, for who follows them in a log of that name. There the worker is stopped meanwhile;
 * here nothing is. */
static void overtime_log_trace_begin(const struct pool_worker *w) {
        if (!program_is_php_fpm())
                return;
        log_notice("child %d stopped for tracing", w->pid);
        log_notice("about to trace %d", w->pid);
}

static void overtime_log_trace_end(const struct pool_worker *w) {
        if (program_is_php_fpm())
                log_notice("finished trace of %d", w->pid);
}

static void overtime_close_case(struct pool *p, struct pool_worker *w, const char *trace) {
        _cleanup_free_ struct overtime_case *c = TAKE_PTR(w->overtime);

        if (!c)
                return;
        w->patience.traced = true;
        if (c->slow)
                overtime_log_trace_end(w);
        if (c->slow)
                overtime_write_slow(p, w, &c->slot, trace);
        if (c->condemned)
                overtime_log_trace(p, w, &c->slot, trace);
}

void overtime_forget(struct pool *p, struct pool_worker *w, const char *why) {
        char text[96];

        snprintf(text, sizeof(text), "no backtrace: %s\n", why);
        overtime_close_case(p, w, text);
}

/* Asks where the worker's PHP code is; when nobody can be asked, the case is closed at once. */
static void overtime_ask(struct pool *p, uint32_t i, const struct scoreboard_slot *s, bool slow, bool condemned) {
        static const char nobody[] = "no backtrace: the zygote cannot be asked\n";
        struct pool_worker *w = &p->workers[i];
        struct generation *g = w->generation;
        struct ipc_message m = { .type = IPC_TRACE, .slot = i, .pid = w->pid };
        int r;

        if (w->overtime && w->overtime->slot.request_id == s->request_id) { /* asked already: the answer serves both */
                w->overtime->slow |= slow;
                w->overtime->condemned |= condemned;
                w->patience.traced = false;
                return;
        }
        if (w->overtime)
                r = -EBUSY;
        else if (g->ipc < 0 || g->n_tracing >= OVERTIME_TRACES_MAX)
                r = -EAGAIN;
        else
                r = posix_memalign((void **)&w->overtime, _Alignof(struct overtime_case), sizeof(*w->overtime)) == 0
                            ? 0
                            : -ENOMEM;
        if (r < 0) {
                if (slow)
                        overtime_write_slow(p, w, s, nobody);
                if (condemned)
                        overtime_log_trace(p, w, s, nobody);
                w->patience.traced = true;
                return;
        }
        if (slow)
                overtime_log_trace_begin(w);
        *w->overtime = (struct overtime_case){ .slow = slow, .condemned = condemned, .slot = *s };
        if (g->n_tracing++ == 0)
                g->trace_since = time_now();
        w->patience.traced = false;
        if (ipc_message_send_at_once(g->ipc, &m, NULL) < 0) { /* a zygote that cannot be told is about to be reaped */
                g->n_tracing--;
                overtime_close_case(p, w, nobody);
        }
}

static void overtime_count_slow(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;

        p->n_slow++;
        slot_seq_begin(&h->seq);
        h->slow_requests = p->n_slow;
        slot_seq_end(&h->seq);
}

static void overtime_condemn(struct pool *p, uint32_t i, const struct scoreboard_slot *s, bool traceable, usec_t now) {
        struct pool_worker *w = &p->workers[i];
        char message[160];

        w->patience.condemned_at = now;
        w->patience.traced = !traceable;
        overtime_log_request(p, w, s, LOG_EVENT_REQUEST_TIMEOUT, "execution timed out", now - MIN(s->request_mono, now),
                             "terminating");
        snprintf(message, sizeof(message), "child %d: stage \"%s\" for %.6f sec", w->pid, stage_info(s->stage)->label,
                 (double)(now - MIN(s->stage_mono, now)) / (double)USEC_PER_SEC);
        overtime_log(p, w, s, LOG_EVENT_NONE, message);
}

/* Has one that is to end traced, once its zygote has time. True: it has not. */
static bool overtime_trace_condemned(struct pool *p, uint32_t i, const struct scoreboard_slot *s) {
        const struct pool_worker *w = &p->workers[i];

        if (!w->patience.condemned_at || w->patience.terminated_at || w->patience.traced ||
            (w->overtime && w->overtime->condemned))
                return false;
        if (!w->overtime && w->generation->n_tracing >= OVERTIME_TRACES_MAX)
                return true;
        overtime_ask(p, i, s, false, true);
        return false;
}

static void overtime_act(struct pool *p, uint32_t i, enum patience_action action, const struct scoreboard_slot *s,
                         bool traceable, usec_t now) {
        struct pool_worker *w = &p->workers[i];

        w->last_overtime = now;
        switch (action) {
        case PATIENCE_TELL_SLOW:
                w->patience.slow_told = true;
                overtime_log_request(p, w, s, LOG_EVENT_REQUEST_SLOW, "executing too slow",
                                     now - MIN(s->request_mono, now), "logging");
                overtime_count_slow(p);
                overtime_ask(p, i, s, true, false);
                break;
        case PATIENCE_CONDEMN:
                overtime_condemn(p, i, s, traceable, now);
                break;
        case PATIENCE_TERMINATE:
                if (!w->patience.traced && !w->overtime)
                        overtime_log_trace(p, w, s, "no backtrace: the zygote has had no time for it\n");
                w->patience.terminated_at = now;
                syscall(SYS_pidfd_send_signal, w->pidfd, SIGTERM, NULL, 0);
                break;
        case PATIENCE_KILL:
                w->patience.killed = true;
                syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
                break;
        case PATIENCE_NOTHING:
                break;
        }
}

/* Requests often turn slow together, all by the same cause: then each waits for its turn. */
static bool overtime_put_off(const struct generation *g, const struct scoreboard_slot *s, usec_t slow, usec_t now) {
        return g->n_tracing >= OVERTIME_TRACES_MAX && now - MIN(s->request_mono, now) < slow + OVERTIME_PUT_OFF;
}

/* Does what is due for one worker. When it is to be looked at again. */
static usec_t overtime_look_at(struct pool *p, uint32_t i, usec_t now) {
        struct pool_worker *w = &p->workers[i];
        struct scoreboard_slot s;
        struct patience_limits limits;
        struct patience_request request;
        usec_t retry_at = USEC_INFINITY;

        if (w->state <= WORKER_ASKED)
                return USEC_INFINITY;
        limits = overtime_limits(w->generation);
        if (!limits.terminate && !limits.slow)
                return USEC_INFINITY;
        if (!scoreboard_read_slot_at_once(p->scoreboard, i, &s) && !w->patience.terminated_at)
                return now + OVERTIME_RETRY; /* it may be two requests in one */
        request = (struct patience_request){ .stage = s.stage, .id = s.request_id, .since = s.request_mono };
        if (patience_is_other(&w->patience, &request))
                w->patience = (struct patience_memory){ .id = request.id, .begun_after = w->last_overtime };
        for (;;) {
                struct patience_plan plan;

                if (overtime_trace_condemned(p, i, &s))
                        retry_at = now;
                patience_plan(&limits, &request, &w->patience, now, &plan);
                if (plan.action == PATIENCE_NOTHING)
                        return MIN(plan.wake_at, retry_at);
                if (plan.action == PATIENCE_TELL_SLOW && overtime_put_off(w->generation, &s, limits.slow, now)) {
                        limits.slow = 0; /* its time to end is kept nevertheless */
                        retry_at = now + OVERTIME_RETRY;
                        continue;
                }
                overtime_act(p, i, plan.action, &s, limits.traceable, now);
        }
}

static void overtime_set(struct pool *p, usec_t at);

static void overtime_look(struct pool *p) {
        usec_t now = time_now(), at = USEC_INFINITY;

        for (uint32_t i = 0; i < p->n_used; i++)
                at = MIN(at, overtime_look_at(p, i, now));
        overtime_set(p, at == USEC_INFINITY ? at : MAX(at, now + OVERTIME_PAUSE));
}

static int overtime_on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        overtime_look(userdata);
        return 0;
}

static void overtime_set(struct pool *p, usec_t at) {
        int r = 0;

        p->overtime_at = at;
        if (!p->overtime_timer) {
                if (at == USEC_INFINITY)
                        return;
                r = sd_event_add_time(p->env->event, &p->overtime_timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                                      overtime_on_timer, p);
                if (r >= 0)
                        sd_event_source_set_description(p->overtime_timer, "request-times");
        }
        if (r >= 0)
                r = sd_event_source_set_time(p->overtime_timer, at);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->overtime_timer,
                                                at == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("[pool %s] cannot set a timer: %s", p->name, strerror(-r));
}

void overtime_arm(struct pool *p) {
        usec_t at = USEC_INFINITY, now = time_now();

        for (const struct generation *g = p->generations; g; g = g->next) {
                struct patience_limits limits = overtime_limits(g);

                if (g->n_workers > 0)
                        at = MIN(at, patience_next_look(&limits, now));
        }
        if (at < (p->overtime_timer ? p->overtime_at : USEC_INFINITY))
                overtime_set(p, at);
}

/* True when the worker is still at the request that the case is about. */
static bool overtime_is_same(const struct pool *p, uint32_t i, const struct overtime_case *c) {
        struct scoreboard_slot s;

        return scoreboard_read_slot_at_once(p->scoreboard, i, &s) && s.request_id == c->slot.request_id &&
               stage_info(s.stage)->request;
}

void overtime_on_traced(struct generation *g, const struct untrusted_fact *fact) {
        struct pool *p = g->pool;
        struct pool_worker *w = &p->workers[fact->slot];
        bool same;
        char why[160];

        g->n_tracing--;
        if (fact->news == UNTRUSTED_TRACED_LATE || !w->overtime)
                return; /* the worker has ended since it was asked about */
        same = overtime_is_same(p, fact->slot, w->overtime);
        if (!same)
                snprintf(why, sizeof(why), "no backtrace: the request has ended meanwhile\n");
        else
                snprintf(why, sizeof(why), "no backtrace: %s\n", strerror(fact->status));
        overtime_close_case(p, w, fact->document && same ? fact->document : why);
        if (w->patience.condemned_at) /* it was kept for this; and the zygote has time for another one */
                overtime_set(p, time_now());
}
