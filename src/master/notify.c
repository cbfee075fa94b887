/* SPDX-License-Identifier: MIT */
/*
 * The conversation with the service manager, sd_notify(3): READY, RELOADING, STOPPING, a status line once in
 * systemd_interval when it has changed, more time while requests finish, and the watchdog, which is fed by a timer of
 * the loop that does the work and by nothing else, and not while no pool takes connections (alive.c).
 */

#include "master/notify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/number.h"
#include "base/program.h"
#include "base/text.h"
#include "log/log.h"
#include "master/alive.h"
#include "master/batches.h"
#include "master/spare.h"
#include "pool/health.h"
#include "pool/timeouts.h"
#include "status/snapshot.h"

/* Ticks come a little early or late. */
#define NOTIFY_SLACK (USEC_PER_SEC / 2)

/* More time than the drain needs: for what comes after it. */
#define NOTIFY_EXTRA_TIME (5 * USEC_PER_SEC)

struct notify_counts {
        uint64_t busy, total, slow;
        uint64_t requests;     /* as the pools say: one that lies makes it as great as can be, and never less */
        uint64_t new_requests; /* since the last time, of pools whose number has grown */
};

static void notify_count(const struct master *m, usec_t now, struct notify_counts *ret) {
        *ret = (struct notify_counts){};
        for (size_t i = 0; i < m->n_pools; i++) {
                _cleanup_snapshot_ struct status_snapshot s = {};

                struct pool *p = m->pools[i]->pool;
                bool quiet = wake_is_quiet(p);

                if (quiet && p->quiet.counted) {
                        ret->requests = number_add(ret->requests, p->quiet.requests);
                        ret->slow = number_add(ret->slow, p->quiet.slow);
                        continue;
                }
                p->quiet.counted = false;
                if (status_snapshot_take_at_once(p->scoreboard, p->n_used, now, 0, &s) < 0)
                        continue;
                ret->busy += s.n_active;
                ret->total += s.n_total;
                ret->requests = number_add(ret->requests, s.requests);
                ret->slow = number_add(ret->slow, s.slow_requests);
                if (s.requests > p->quiet.requests)
                        ret->new_requests = number_add(ret->new_requests, s.requests - p->quiet.requests);
                p->quiet.counted = quiet;
                p->quiet.requests = s.requests;
                p->quiet.slow = s.slow_requests;
        }
}

/* Pools whose PHP does not start, of which one is told in words. */
static void notify_add_problems(const struct master *m, struct text *line) {
        const struct pool *first = NULL;
        size_t n = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;

                if (p->starts.n_failed == 0)
                        continue;
                first = first ?: p;
                n++;
        }
        if (n > 1)
                text_printf(line, "; %zu pools do not start, among them", n);
        if (n > 0)
                text_printf(line, "%s '%s'%s: %.*s", n > 1 ? "" : "; pool", first->name, n > 1 ? "" : " does not start",
                            (int)strcspn(first->starts.problem ?: "", "\n"), first->starts.problem ?: "");
}

/* Settings that PHP has not taken: the first of them in words. */
static void notify_add_remarks(const struct master *m, struct text *line) {
        const char *first = NULL;
        size_t n = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                const char *remarks = pool_remarks(m->pools[i]->pool);

                first = *remarks && !first ? remarks : first;
                for (const char *p = remarks; (p = strchr(p, '\n')); p++)
                        n++;
        }
        if (first)
                text_printf(line, "; PHP has not taken all settings: %.*s", (int)strcspn(first, "\n"), first);
        if (n > 1)
                text_printf(line, " (and %zu more)", n - 1);
}

/* Pools to which load balancers are to send nothing, though PHP starts. */
static void notify_add_health(const struct master *m, struct text *line) {
        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;
                enum health_state state = health_state(p);

                if (state == HEALTH_STUCK || state == HEALTH_DRAINING)
                        text_printf(line, "; pool '%s' is %s", p->name, health_name(state));
        }
}

/* Pools that are not served at all, of which one is named. */
static void notify_add_absent(const struct master *m, struct text *line) {
        size_t n = 0;

        while (m->conf->absent && m->conf->absent[n])
                n++;
        if (n == 1)
                text_printf(line, "; pool '%s' has no socket and is not served", m->conf->absent[0]);
        else if (n > 1)
                text_printf(line, "; %zu pools have no socket and are not served, among them '%s'", n,
                            m->conf->absent[0]);
}

/* Likewise of sockets that nobody serves. */
static void notify_add_spare(const struct master *m, struct text *line) {
        const struct inherited_socket *s, *first = NULL;
        size_t n = 0;

        for (size_t i = 0; (s = spare_next(&m->inherited, &i)); n++)
                first = first ?: s;
        if (n == 1)
                text_printf(line, "; the socket %s has no pool", first->label);
        else if (n > 1)
                text_printf(line, "; %zu sockets have no pool, among them %s", n, first->label);
}

/* Where systemd's sockets are not as the settings have it, the first of the lines. */
static void notify_add_sockets(const struct master *m, struct text *line) {
        if (m->socket_remarks)
                text_printf(line, "; %.*s", (int)strcspn(m->socket_remarks, "\n"), m->socket_remarks);
}

/* One that is under way. */
static void notify_add_reload(const struct master *m, struct text *line) {
        if (m->state != STATE_RELOADING && m->state != STATE_RENEWING)
                return;
        text_append(line, m->reload.n_batched > 0 ? "Reloading: " : "Reloading");
        batches_describe(m, line);
        text_append(line, "; ");
}

/* Under php-fpm's name in its words, which monitoring reads. */
static void notify_add_counts(const struct notify_counts *c, double rate, struct text *line) {
        if (program_is_php_fpm())
                text_printf(line,
                            "Processes active: %" PRIu64 ", idle: %" PRIu64 ", Requests: %" PRIu64 ", slow: %" PRIu64
                            ", Traffic: %.2freq/sec",
                            c->busy, c->total - MIN(c->busy, c->total), c->requests, c->slow, rate);
        else
                text_printf(line, "%" PRIu64 "/%" PRIu64 " workers busy, %" PRIu64 " requests, %.1f requests/s",
                            c->busy, c->total, c->requests, rate);
}

/* Sends the status line when it has changed. */
static void notify_line(struct master *m, const struct text *line) {
        if (line->failed || text_equal(m->notify.status, text_peek(line)))
                return;
        free(m->notify.status);
        m->notify.status = strdup(text_peek(line));
        sd_notifyf(0, "STATUS=%s", text_peek(line));
}

void notify_status(struct master *m, usec_t now) {
        _cleanup_text_ struct text line = {};
        struct notify_counts c;
        double seconds = m->notify.last_time ? (double)(now - m->notify.last_time) / (double)USEC_PER_SEC : 0, rate = 0;

        notify_count(m, now, &c);
        if (seconds > 0)
                rate = (double)c.new_requests / seconds;
        m->notify.last_time = now;
        m->notify.next_time = now + m->conf->global.systemd_interval - NOTIFY_SLACK;

        switch (m->state) {
        case STATE_STARTING:
                text_append(&line, "Starting workers");
                break;
        case STATE_STOPPING:
                text_printf(&line, "Stopping: %" PRIu64 " workers finish their requests", c.busy);
                break;
        default:
                notify_add_reload(m, &line);
                notify_add_counts(&c, rate, &line);
                if (m->reload.outcome == IPC_CONTROL_OUTCOME_REFUSED)
                        text_printf(&line, "; last reload refused: %.*s", (int)strcspn(m->reload.text ?: "", "\n"),
                                    m->reload.text ?: "");
                notify_add_absent(m, &line);
                notify_add_spare(m, &line);
                notify_add_sockets(m, &line);
                notify_add_problems(m, &line);
                notify_add_health(m, &line);
                notify_add_remarks(m, &line);
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

static int notify_on_watchdog(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;

        if (!m->env.hopeless)
                sd_notify(0, "WATCHDOG=1");
        return sd_event_source_set_time(s, time_now() + m->notify.watchdog_half);
}

void notify_tick(struct master *m, usec_t now) {
        if (m->notify.supervised && m->conf->global.systemd_interval > 0 &&
            (now >= m->notify.next_time || m->reload.n_batched > 0))
                notify_status(m, now);
        if (m->notify.supervised && m->state == STATE_STOPPING)
                notify_extend(m, now);
}

int notify_attach(struct master *m) {
        uint64_t watchdog = 0;
        int r;

        m->notify.supervised = getenv("NOTIFY_SOCKET") != NULL;
        if (sd_watchdog_enabled(0, &watchdog) <= 0)
                return 0;
        m->notify.watchdog_half = MAX(watchdog / 2, (uint64_t)1);
        m->env.patience = alive_patience(watchdog);
        r = sd_event_add_time(m->event, &m->notify.watchdog, CLOCK_MONOTONIC, time_now(), USEC_PER_MSEC,
                              notify_on_watchdog, m);
        if (r < 0)
                return r;
        sd_event_source_set_description(m->notify.watchdog, "watchdog");
        return sd_event_source_set_enabled(m->notify.watchdog, SD_EVENT_ON);
}

void notify_ready(struct master *m) {
        if (!m->notify.stopping)
                sd_notify(0, "READY=1");
        notify_status(m, time_now());
}

void notify_reloading(struct master *m) {
        /* one datagram: systemd 253 and later take a RELOADING without its time for a protocol error */
        if (!m->notify.stopping)
                sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, time_now());
        notify_status(m, time_now());
}

void notify_stopping(struct master *m) {
        m->notify.stopping = true;
        sd_notify(0, "STOPPING=1");
        notify_status(m, time_now());
        notify_extend(m, time_now());
}

void notify_draining(struct master *m, usec_t wait) {
        m->notify.stopping = true;
        sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                   wait + m->env.control_timeout + TIMEOUTS_KILL_DELAY + NOTIFY_EXTRA_TIME);
        notify_status(m, time_now());
}

void notify_log_interval(const struct master *m) {
        usec_t interval = m->conf->global.systemd_interval;

        if (!program_is_php_fpm())
                return;
        if (interval > 0)
                log_notice("systemd monitor interval set to %llums", (unsigned long long)(interval / USEC_PER_MSEC));
        else
                log_notice("systemd monitor disabled");
}
