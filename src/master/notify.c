/* SPDX-License-Identifier: MIT */
/*
 * The conversation with the service manager, sd_notify(3): READY, RELOADING, STOPPING, a status line once in
 * systemd_interval when it has changed, more time while requests finish, and the watchdog, which is fed by a timer of
 * the loop that does the work and by nothing else.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/text.h"
#include "log/log.h"
#include "master/master.h"
#include "status/snapshot.h"

/* How often the pools are sampled and, unless systemd_interval is longer, the status line is told. */
#define NOTIFY_TICK USEC_PER_SEC

/* More time than the drain needs: for what comes after it. */
#define NOTIFY_EXTRA_TIME (5 * USEC_PER_SEC)

struct notify_counts {
        uint64_t busy, total, requests;
};

static void notify_count(const struct master *m, usec_t now, struct notify_counts *ret) {
        *ret = (struct notify_counts){};
        for (size_t i = 0; i < m->n_pools; i++) {
                _cleanup_snapshot_ struct status_snapshot s = {};

                const struct pool *p = m->pools[i]->pool;

                if (status_snapshot_take_at_once(p->scoreboard, p->n_used, now, 0, &s) < 0)
                        continue;
                ret->busy += s.n_active;
                ret->total += s.n_total;
                ret->requests += s.requests;
        }
}

/* Pools whose PHP does not start, of which one is told in words. */
static void notify_add_problems(const struct master *m, struct text *line) {
        const struct pool *first = NULL;
        size_t n = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;

                if (p->n_failed_starts == 0)
                        continue;
                first = first ?: p;
                n++;
        }
        if (n > 1)
                text_printf(line, "; %zu pools do not start, among them", n);
        if (n > 0)
                text_printf(line, "%s '%s'%s: %.*s", n > 1 ? "" : "; pool", first->name, n > 1 ? "" : " does not start",
                            (int)strcspn(first->problem ?: "", "\n"), first->problem ?: "");
}

/* Sends the status line when it has changed. */
static void notify_line(struct master *m, const struct text *line) {
        if (line->failed || text_equal(m->status, text_peek(line)))
                return;
        free(m->status);
        m->status = strdup(text_peek(line));
        sd_notifyf(0, "STATUS=%s", text_peek(line));
}

void notify_status(struct master *m, usec_t now) {
        _cleanup_text_ struct text line = {};
        struct notify_counts c;
        double seconds = m->last_tick ? (double)(now - m->last_tick) / (double)USEC_PER_SEC : 0, rate = 0;

        notify_count(m, now, &c);
        if (seconds > 0 && c.requests >= m->last_requests)
                rate = (double)(c.requests - m->last_requests) / seconds;
        m->last_requests = c.requests;
        m->last_tick = now;
        m->next_status =
                now + m->conf->global.systemd_interval - NOTIFY_TICK / 2; /* ticks come a little early or late */

        switch (m->state) {
        case MASTER_STARTING:
                text_append(&line, "Starting workers");
                break;
        case MASTER_STOPPING:
                text_printf(&line, "Stopping: %" PRIu64 " workers finish their requests", c.busy);
                break;
        default:
                text_printf(&line, "%s%" PRIu64 "/%" PRIu64 " workers busy, %" PRIu64 " requests, %.1f requests/s",
                            m->state == MASTER_RELOADING ? "Reloading; " : "", c.busy, c.total, c.requests, rate);
                if (m->reload_outcome == IPC_CONTROL_OUTCOME_REFUSED)
                        text_printf(&line, "; last reload refused: %.*s", (int)strcspn(m->reload_text ?: "", "\n"),
                                    m->reload_text ?: "");
                notify_add_problems(m, &line);
        }
        notify_line(m, &line);
}

/* While the pools drain, systemd's own patience is told to last longer. */
static void notify_extend(struct master *m, usec_t now) {
        usec_t deadline = 0;

        for (size_t i = 0; i < m->n_pools; i++)
                deadline = MAX(deadline, pool_drain_deadline(m->pools[i]->pool));
        if (deadline > now)
                sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, deadline - now + NOTIFY_EXTRA_TIME);
}

static int notify_on_tick(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;
        usec_t now = time_now();

        for (size_t i = 0; i < m->n_pools; i++)
                pool_sample(m->pools[i]->pool);
        logs_tell_losses();
        control_resume(m);
        if (m->supervised && m->conf->global.systemd_interval > 0 && now >= m->next_status)
                notify_status(m, now);
        if (m->supervised && m->state == MASTER_STOPPING)
                notify_extend(m, now);
        return sd_event_source_set_time(s, now + NOTIFY_TICK);
}

static int notify_on_watchdog(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;

        sd_notify(0, "WATCHDOG=1");
        return sd_event_source_set_time(s, time_now() + m->watchdog_half);
}

static int notify_add_timer(struct master *m, sd_event_source **ret, usec_t at, sd_event_time_handler_t handler,
                            const char *name) {
        int r = sd_event_add_time(m->event, ret, CLOCK_MONOTONIC, at, USEC_PER_MSEC, handler, m);

        if (r < 0)
                return r;
        sd_event_source_set_description(*ret, name);
        return sd_event_source_set_enabled(*ret, SD_EVENT_ON);
}

int notify_attach(struct master *m) {
        uint64_t watchdog = 0;
        int r;

        m->supervised = getenv("NOTIFY_SOCKET") != NULL;
        r = notify_add_timer(m, &m->tick, time_now() + NOTIFY_TICK, notify_on_tick, "status-tick");
        if (r < 0 || sd_watchdog_enabled(0, &watchdog) <= 0)
                return r;
        m->watchdog_half = MAX(watchdog / 2, (uint64_t)1);
        return notify_add_timer(m, &m->watchdog, time_now(), notify_on_watchdog, "watchdog");
}

void notify_ready(struct master *m) {
        sd_notify(0, "READY=1");
        notify_status(m, time_now());
}

void notify_reloading(struct master *m) {
        /* one datagram: systemd 253 and later take a RELOADING without its time for a protocol error */
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, time_now());
        notify_status(m, time_now());
}

void notify_stopping(struct master *m) {
        sd_notify(0, "STOPPING=1");
        notify_status(m, time_now());
        notify_extend(m, time_now());
}
