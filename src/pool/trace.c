/* SPDX-License-Identifier: MIT */
/*
 * Where a worker's PHP code is, is asked of its zygote (TRACE), which reads it from the worker's memory without
 * stopping it. Until the answer comes, the words about the request wait in a case of the worker's; a worker that
 * is to end waits for it too, but not long.
 */

#include "pool/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/program.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/slowlog.h"
#include "scoreboard/read.h"

/* A request that is being traced, as it was when that began. */
struct trace_case {
        bool slow;      /* for the slow log */
        bool condemned; /* for the error log */
        struct scoreboard_slot slot;
};

/* php-fpm's lines about a backtrace, for who follows them in a log of that name. There the worker is stopped meanwhile;
 * here nothing is. */
static void trace_log_begin(const struct pool_worker *w) {
        if (!program_is_php_fpm())
                return;
        log_notice("child %d stopped for tracing", w->pid);
        log_notice("about to trace %d", w->pid);
}

static void trace_log_end(const struct pool_worker *w) {
        if (program_is_php_fpm())
                log_notice("finished trace of %d", w->pid);
}

static void trace_close(struct pool_worker *w, const char *trace) {
        _cleanup_free_ struct trace_case *c = TAKE_PTR(w->trace);

        if (!c)
                return;
        w->timelimit.traced = true;
        if (c->slow)
                trace_log_end(w);
        if (c->slow)
                slowlog_write(w, &c->slot, trace);
        if (c->condemned)
                slowlog_say_trace(w, &c->slot, trace);
}

void trace_forget(struct pool_worker *w, const char *why) {
        char text[96];

        snprintf(text, sizeof(text), "no backtrace: %s\n", why);
        trace_close(w, text);
}

void trace_ask(struct pool_worker *w, const struct scoreboard_slot *s, bool slow, bool condemned) {
        static const char nobody[] = "no backtrace: the zygote cannot be asked\n";
        struct generation *g = w->generation;
        struct ipc_message m = { .type = IPC_TRACE, .slot = (uint32_t)(w - g->pool->workers), .pid = w->pid };
        int r;

        if (w->trace && w->trace->slot.request_id == s->request_id) { /* asked already: the answer serves both */
                w->trace->slow |= slow;
                w->trace->condemned |= condemned;
                w->timelimit.traced = false;
                return;
        }
        if (w->trace)
                r = -EBUSY;
        else if (g->zygote.ipc < 0 || g->zygote.n_tracing >= TRACE_ORDERS_MAX)
                r = -EAGAIN;
        else
                r = posix_memalign((void **)&w->trace, _Alignof(struct trace_case), sizeof(*w->trace)) == 0 ? 0
                                                                                                            : -ENOMEM;
        if (r < 0) {
                if (slow)
                        slowlog_write(w, s, nobody);
                if (condemned)
                        slowlog_say_trace(w, s, nobody);
                w->timelimit.traced = true;
                return;
        }
        if (slow)
                trace_log_begin(w);
        *w->trace = (struct trace_case){ .slow = slow, .condemned = condemned, .slot = *s };
        if (g->zygote.n_tracing++ == 0)
                g->zygote.trace_since = time_now();
        w->timelimit.traced = false;
        if (ipc_message_send_at_once(g->zygote.ipc, &m, NULL) <
            0) { /* a zygote that cannot be told is about to be reaped */
                g->zygote.n_tracing--;
                trace_close(w, nobody);
        }
}

/* True when the worker is still at the request that the case is about. */
static bool trace_is_same(const struct pool *p, uint32_t i, const struct trace_case *c) {
        struct scoreboard_slot s;

        return scoreboard_read_slot_at_once(p->scoreboard, i, &s) && s.request_id == c->slot.request_id &&
               stage_info(s.stage)->request;
}

bool trace_is_last(const struct pool_worker *w) {
        return w->trace && w->trace->condemned;
}

bool trace_on_answer(struct generation *g, const struct untrusted_fact *fact) {
        struct pool *p = g->pool;
        struct pool_worker *w;
        bool same;
        char why[160];

        g->zygote.n_tracing--;
        if (fact->news == UNTRUSTED_TRACED_LATE)
                return false; /* the worker has ended since it was asked about */
        w = &p->workers[fact->slot];
        if (!w->trace)
                return false;
        same = trace_is_same(p, fact->slot, w->trace);
        if (!same)
                snprintf(why, sizeof(why), "no backtrace: the request has ended meanwhile\n");
        else
                snprintf(why, sizeof(why), "no backtrace: %s\n", strerror(fact->status));
        trace_close(w, fact->document && same ? fact->document : why);
        return true;
}
