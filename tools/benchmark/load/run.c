/* SPDX-License-Identifier: MIT */
/*
 * One thread, one epoll. Free connections are a stack; whenever one is free and a request is due, the two meet.
 *
 * Closed loop: a request is always due. Open loop: request k is due at start + k / rate, no matter what the server
 * does, and its time counts from there also when no connection was free for it. So a server that stands still for a
 * second shows as thousands of slow replies, as its users would see it, and not as one (coordinated omission). What is
 * unanswered at the end counts with the time that it has waited.
 */

#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/macros.h"
#include "fairness.h"
#include "workload.h"

#define NSEC_PER_MSEC   1000000ULL
#define NSEC_PER_SEC    1000000000ULL
#define TICK_NSEC       (50 * NSEC_PER_MSEC) /* how often requests are looked at for their time being up */
#define STANDSTILL_NSEC NSEC_PER_SEC         /* a look that is later than this was not late for want of a CPU */
#define BUFFER_SIZE     (256U * 1024U)
#define EVENTS_MAX      128

struct run {
        const struct load_options *options;
        struct load_result *result;
        struct load_workload workload;
        struct load_channel channel;
        struct load_connection *connections;
        uint8_t **own;  /* bytes of requests, a slot for each connection */
        uint64_t *free; /* connections without a request */
        uint64_t n_free;
        uint64_t started;
        uint64_t next_tick;
};

static void run_done(struct run *run) {
        for (uint64_t i = 0; run->connections && i < run->options->n_connections; i++)
                load_connection_done(&run->connections[i]);
        for (uint64_t i = 0; run->own && i < run->options->n_connections; i++)
                free(run->own[i]);
        free(run->connections);
        free(run->own);
        free(run->free);
        free(run->channel.buffer);
        fd_close(run->channel.epoll);
        load_workload_done(&run->workload);
}
#define _cleanup_run_ _cleanup_(run_done)

static int run_init(struct run *run) {
        const struct load_options *o = run->options;
        int r;

        run->channel = (struct load_channel){
                .target = &o->target,
                .protocol = o->http ? LOAD_PROTOCOL_HTTP : LOAD_PROTOCOL_FASTCGI,
                .no_delay = o->target.sa.sa_family != AF_UNIX && (o->keep || o->chaos),
                .waits_for_room = o->nonblocking,
                .timeout = o->timeout_ms * NSEC_PER_MSEC,
                .n_buffer = BUFFER_SIZE,
                .next_wake = UINT64_MAX,
                .epoll = epoll_create1(EPOLL_CLOEXEC),
        };
        if (run->channel.epoll < 0)
                return -errno;
        run->channel.buffer = malloc(BUFFER_SIZE);
        run->connections = calloc(o->n_connections, sizeof(*run->connections));
        run->own = calloc(o->n_connections, sizeof(*run->own));
        run->free = calloc(o->n_connections, sizeof(*run->free));
        if (!run->channel.buffer || !run->connections || !run->own || !run->free)
                return -ENOMEM;
        for (uint64_t i = 0; i < o->n_connections; i++) {
                run->connections[i].fd = -1;
                run->connections[i].number = i;
                run->free[run->n_free++] = o->n_connections - 1 - i;
        }
        r = load_workload_init(&run->workload, o);
        if (r < 0)
                return r;
        run->started = run->channel.began = time_read_nsec(CLOCK_MONOTONIC);
        run->next_tick = run->started + TICK_NSEC;
        return 0;
}

static uint64_t run_due(const struct run *run, uint64_t number) {
        return run->started + (uint64_t)((__uint128_t)number * NSEC_PER_SEC / run->options->rate);
}

/* When the next request may be sent; UINT64_MAX: there is none any more. */
static uint64_t run_next_due(const struct run *run, uint64_t now) {
        const struct load_options *o = run->options;
        uint64_t n = run->result->n_sent, at = o->rate > 0 ? run_due(run, n) : now;

        if (o->n_requests > 0 && n >= o->n_requests)
                return UINT64_MAX;
        if (o->duration_ms > 0 && at - run->started >= o->duration_ms * NSEC_PER_MSEC)
                return UINT64_MAX;
        return load_run_failures(run->result) < o->max_failures ? at : UINT64_MAX;
}

static void run_note_failure(struct run *run, const struct load_connection *c) {
        struct load_result *result = run->result;

        if (c->outcome == LOAD_OUTCOME_OK || c->outcome == LOAD_OUTCOME_ABORTED || result->first_failure[0])
                return;
        snprintf(result->first_failure, sizeof(result->first_failure),
                 "request %llu: %s; HTTP status %u, %llu bytes of the body, %llu expected, %zu of %zu bytes sent",
                 (unsigned long long)c->job.number, load_outcome_text(c->outcome), c->reply.status,
                 (unsigned long long)c->reply.n_body, (unsigned long long)(c->job.expect.n[0] + c->job.expect.n[1]),
                 c->n_sent, c->job.n);
}

static void run_settle(struct run *run, struct load_connection *c) {
        uint64_t now = time_read_nsec(CLOCK_MONOTONIC);

        run->result->outcomes[c->outcome]++;
        run_note_failure(run, c);
        if (c->outcome != LOAD_OUTCOME_ABORTED)
                load_histogram_add(&run->result->times, now - c->job.due);
        run->free[run->n_free++] = (uint64_t)(c - run->connections);
}

static int run_send_due(struct run *run, uint64_t now) {
        uint64_t at;
        int r;

        while (run->n_free > 0 && (at = run_next_due(run, now)) <= now) {
                uint64_t i = run->free[--run->n_free];
                struct load_job job;

                r = load_workload_next(&run->workload, run->result->n_sent, &run->own[i], &job);
                if (r < 0)
                        return r;
                job.due = at;
                run->result->n_sent++;
                if (load_connection_begin(&run->connections[i], &run->channel, &job, now))
                        run_settle(run, &run->connections[i]);
                now = time_read_nsec(CLOCK_MONOTONIC);
        }
        return 0;
}

static void run_handle(struct run *run, struct load_connection *c, uint32_t events, uint64_t now) {
        if (!c->busy)
                load_connection_look(c);
        else if (load_connection_go(c, &run->channel, events, now))
                run_settle(run, c);
}

static void run_end_pauses(struct run *run, uint64_t now) {
        if (now < run->channel.next_wake)
                return;
        run->channel.next_wake = UINT64_MAX;
        for (uint64_t i = 0; i < run->options->n_connections; i++) {
                struct load_connection *c = &run->connections[i];

                if (c->wake > 0 && c->wake <= now)
                        run_handle(run, c, 0, now);
                if (c->wake > 0)
                        run->channel.next_wake = MIN(run->channel.next_wake, c->wake);
        }
}

/* This process, or the whole machine, has stood still: of that no server knows, and no request's time is up by it. */
static void run_forgive(struct run *run, uint64_t late) {
        run->result->stood_still += late;
        for (uint64_t i = 0; i < run->options->n_connections; i++)
                if (run->connections[i].busy)
                        run->connections[i].deadline += late;
}

static void run_end_overdue(struct run *run, uint64_t now) {
        if (now < run->next_tick)
                return;
        if (now - run->next_tick > STANDSTILL_NSEC)
                run_forgive(run, now - run->next_tick);
        run->next_tick = now + TICK_NSEC;
        for (uint64_t i = 0; i < run->options->n_connections; i++) {
                struct load_connection *c = &run->connections[i];

                if (!c->busy || c->deadline > now)
                        continue;
                load_connection_give_up(c, LOAD_OUTCOME_TIMEOUT);
                run_settle(run, c);
        }
}

static int run_wait_and_handle(struct run *run, uint64_t now) {
        struct epoll_event events[EVENTS_MAX];
        uint64_t until = MIN(run->next_tick, run->channel.next_wake), left;
        struct timespec ts;
        int n;

        if (run->n_free > 0)
                until = MIN(until, run_next_due(run, now));
        left = until > now ? until - now : 0;
        ts = (struct timespec){ .tv_sec = (time_t)(left / NSEC_PER_SEC), .tv_nsec = (long)(left % NSEC_PER_SEC) };
        n = epoll_pwait2(run->channel.epoll, events, EVENTS_MAX, &ts, NULL);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        now = time_read_nsec(CLOCK_MONOTONIC);
        for (int i = 0; i < n; i++)
                run_handle(run, events[i].data.ptr, events[i].events, now);
        run_end_pauses(run, now);
        run_end_overdue(run, now);
        return 0;
}

/* Requests that are still in hand when the time is up. */
static void run_give_up_all(struct run *run) {
        for (uint64_t i = 0; i < run->options->n_connections; i++) {
                struct load_connection *c = &run->connections[i];

                if (!c->busy)
                        continue;
                load_connection_give_up(c, LOAD_OUTCOME_TIMEOUT);
                run_settle(run, c);
        }
}

/* Requests that were due and never got a connection. They waited, and say so. */
static void run_count_unsent(struct run *run, uint64_t now) {
        for (uint64_t at; run->options->rate > 0 && (at = run_next_due(run, now)) <= now; run->result->n_sent++) {
                run->result->n_unsent++;
                load_histogram_add(&run->result->times, now - at);
        }
}

static bool run_is_over(const struct run *run, uint64_t now) {
        const struct load_options *o = run->options;

        if (run->n_free == o->n_connections && run_next_due(run, now) == UINT64_MAX)
                return true;
        /* An open loop that is far behind does not end by itself. */
        return o->duration_ms > 0 && now - run->started >= o->duration_ms * NSEC_PER_MSEC + 2 * run->channel.timeout;
}

static int run_share_out(const struct run *run) {
        uint64_t n = run->options->n_connections;
        _cleanup_free_ uint64_t *replies = calloc(n, sizeof(*replies));

        if (!replies)
                return -ENOMEM;
        run->result->replies_min = UINT64_MAX;
        for (uint64_t i = 0; i < n; i++) {
                replies[i] = run->connections[i].n_replies;
                run->result->replies_min = MIN(run->result->replies_min, replies[i]);
                run->result->replies_max = MAX(run->result->replies_max, replies[i]);
        }
        run->result->jain = load_fairness_jain(replies, n);
        return 0;
}

int load_run(const struct load_options *options, struct load_result *ret) {
        _cleanup_run_ struct run run = { .options = options, .result = ret, .channel.epoll = -1 };
        uint64_t now;
        int r;

        *ret = (struct load_result){};
        r = run_init(&run);
        if (r < 0)
                return r;
        for (now = run.started; !run_is_over(&run, now); now = time_read_nsec(CLOCK_MONOTONIC)) {
                r = run_send_due(&run, now);
                if (r == 0)
                        r = run_wait_and_handle(&run, now);
                if (r < 0)
                        return r;
        }
        run_give_up_all(&run);
        run_count_unsent(&run, now);
        ret->elapsed = now - run.started;
        ret->cpu = time_read_nsec(CLOCK_PROCESS_CPUTIME_ID);
        ret->n_opened = run.channel.n_opened;
        ret->retries = run.channel.retries;
        return run_share_out(&run);
}
