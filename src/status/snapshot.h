/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A pool's scoreboard at one moment, as plain numbers: what the status pages and fpmctl show. Every number is derived
 * so that the page agrees with itself: active + idle = total, and max_active is never below active.
 */

#include <stdint.h>

#include "base/macros.h"
#include "base/time.h"
#include "scoreboard/layout.h"
#include "scoreboard/stages.h"

struct status_snapshot {
        char pool[SCOREBOARD_POOL_MAX];
        char pm[SCOREBOARD_PM_MAX];
        uint64_t start_wall;  /* usec since the epoch: the pool's start */
        uint64_t start_since; /* usec from the pool's start to the snapshot */
        usec_t now;           /* the moment of the snapshot */

        uint64_t requests;    /* begun by workers of the past and the present: the page's "accepted conn" */
        uint64_t connections; /* taken, likewise; fewer than requests where clients keep them */
        uint64_t logs_lost[SCOREBOARD_LOGS];      /* entries, by enum log_kind */
        uint64_t duration_sum;                    /* usec of all finished requests */
        uint64_t durations[SCOREBOARD_DURATIONS]; /* finished requests by the bucket of their time */
        struct scoreboard_waits waits;            /* of connections, for a worker */
        uint64_t listen_queue;
        uint64_t max_listen_queue;
        uint64_t listen_queue_len;
        uint64_t max_active;
        uint64_t max_children;
        uint64_t max_children_reached;
        uint64_t memory_peak;   /* bytes: of any request so far */
        uint64_t last_use;      /* usec since the epoch: when a request was begun last; 0: never */
        uint64_t slow_requests; /* requests that took longer than request_slowlog_timeout */
        uint64_t reloads;
        uint64_t workers_died;
        uint64_t workers_oom;                        /* of these: killed by the kernel, for want of memory */
        uint64_t failed_starts;                      /* in a row */
        uint64_t park[_SCOREBOARD_PARK_MAX];         /* by enum scoreboard_park_number */
        uint64_t overload[_SCOREBOARD_OVERLOAD_MAX]; /* by enum scoreboard_overload_number */
        uint64_t denied[_SCOREBOARD_DENIED_MAX];     /* by enum scoreboard_denied_number */

        uint32_t generation; /* the one that accepts */
        uint32_t n_idle;
        uint32_t n_active;
        uint32_t n_total;
        uint32_t n_stage[_STAGE_MAX]; /* workers in each stage */

        /* One row for each worker, in the order of their slots; each is safe to print. See status_snapshot_worker_* for
         * what is derived from a row. */
        struct scoreboard_slot *workers;
        uint32_t n_workers;
};

enum {
        STATUS_SNAPSHOT_WORKERS = 1, /* fill in the rows; without it n_workers is 0 */
        STATUS_SNAPSHOT_AT_ONCE = 2, /* wait for no writer: of status_snapshot_take_at_once() */
};

/* Reads the whole scoreboard. The caller gives the time. 0 or -ENOMEM; status_snapshot_done() afterwards. */
int status_snapshot_take(const struct scoreboard *s, usec_t now, unsigned flags, struct status_snapshot *ret);

/* The same for a reader that has other things to do: it waits for no writer, and looks at the first n_slots at most,
 * whatever the scoreboard says of how many are in use. */
int status_snapshot_take_at_once(const struct scoreboard *s, uint32_t n_slots, usec_t now, unsigned flags,
                                 struct status_snapshot *ret);
void status_snapshot_done(struct status_snapshot *s);
#define _cleanup_snapshot_ _cleanup_(status_snapshot_done)

/* What a row says about its worker; php-fpm's meanings. The request's time so far while a request is in hand, else the
 * last one's time (usec). CPU as hundredths of a percent of that time, and memory in bytes: of the last request, and 0
 * while another is in hand. */
uint64_t status_snapshot_worker_since(const struct status_snapshot *s, const struct scoreboard_slot *w);
uint64_t status_snapshot_worker_duration(const struct status_snapshot *s, const struct scoreboard_slot *w);
uint64_t status_snapshot_worker_cpu(const struct scoreboard_slot *w);
uint64_t status_snapshot_worker_memory(const struct scoreboard_slot *w);
