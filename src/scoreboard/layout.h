/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The scoreboard: one memfd per pool, sealed against shrinking and growing, mapped by the master, the pool's zygotes
 * and workers (read-write) and by fpmctl (read-only). This file is its ABI, versioned as a whole by SCOREBOARD_VERSION.
 *
 * Writers: the header is the master's, but for the park's numbers and who is active. A slot is its worker's from the
 * fork on; when the worker has been reaped it is the master's until it is given away again. Nobody locks. A slot's seq
 * is odd while its writer is at work; a reader copies, compares, retries a few times, and takes a torn copy (marked)
 * when the writer died half-way. PHP code of the pool's user can scribble over all of it, so readers check every value
 * they act on; see read.h.
 *
 * The file has room for the largest pool in two generations, but only pages that were written take memory.
 */

#include <stdatomic.h>
#include <stdint.h>

#define SCOREBOARD_MAGIC   0x6462736d70662121ULL
#define SCOREBOARD_VERSION 11U

#define SCOREBOARD_WORKERS_MAX 8192U /* the most that pm.max_children may say */
#define SCOREBOARD_SLOTS       (SCOREBOARD_WORKERS_MAX + SCOREBOARD_WORKERS_MAX / 4U)

_Static_assert(SCOREBOARD_SLOTS % 64U == 0, "whole words of bits");

#define SCOREBOARD_POOL_MAX   64
#define SCOREBOARD_PM_MAX     16
#define SCOREBOARD_METHOD_MAX 16
#define SCOREBOARD_URI_MAX    512
#define SCOREBOARD_QUERY_MAX  512
#define SCOREBOARD_SCRIPT_MAX 512
#define SCOREBOARD_USER_MAX   64

#define SCOREBOARD_LEAKS         256U /* that are kept */
#define SCOREBOARD_LEAK_NAME_MAX 192
#define SCOREBOARD_LEAK_WHAT_MAX 112
#define SCOREBOARD_LEAK_FILE_MAX 192

/* THE table of duration buckets, upper bounds in usec (ABI); behind the last one there is one more, for all that took
 * longer. usec, the same in seconds as metrics write it */
#define SCOREBOARD_DURATION_BOUNDS(X)                                                                                  \
        X(5000, "0.005")                                                                                               \
        X(10000, "0.01")                                                                                               \
        X(25000, "0.025")                                                                                              \
        X(50000, "0.05")                                                                                               \
        X(100000, "0.1")                                                                                               \
        X(250000, "0.25")                                                                                              \
        X(500000, "0.5")                                                                                               \
        X(1000000, "1.0")                                                                                              \
        X(2500000, "2.5")                                                                                              \
        X(5000000, "5.0")                                                                                              \
        X(10000000, "10.0")
#define SCOREBOARD_DURATION_ONE(usec, label) +1
#define SCOREBOARD_DURATIONS                 (1 SCOREBOARD_DURATION_BOUNDS(SCOREBOARD_DURATION_ONE))

/* The buckets of waits: one more in front. */
#define SCOREBOARD_WAIT_BOUNDS(X) X(1000, "0.001") SCOREBOARD_DURATION_BOUNDS(X)
#define SCOREBOARD_WAITS          (1 SCOREBOARD_WAIT_BOUNDS(SCOREBOARD_DURATION_ONE))

/* How long connections waited for a worker. */
struct scoreboard_waits {
        uint64_t sum; /* usec */
        uint64_t n[SCOREBOARD_WAITS];
};

/* THE table of the park's numbers: what it has at the moment, and what it has done since the pool's start.
 *   field     name         GAUGE: now; COUNTER: since the start
 *                                   help */
#define SCOREBOARD_PARK_NUMBERS(X)                                                                                     \
        X(idle, "idle", GAUGE, "Connections between two requests.")                                                    \
        X(receiving, "receiving", GAUGE, "Connections whose request is on its way.")                                   \
        X(waiting, "waiting", GAUGE, "Connections with a request that waits for a worker.")                            \
        X(writing, "writing", GAUGE, "Connections with a reply that waits for its client.")                            \
        X(bytes, "bytes", GAUGE, "Bytes of requests and replies in the park's memory.")                                \
        X(parked, "parked", COUNTER, "Connections that workers have given to the park.")                               \
        X(offered, "offered", COUNTER, "Connections that the park has given to workers.")                              \
        X(refused, "refused", COUNTER, "Connections closed for want of room in the park, or in the kernel.")           \
        X(timed_out, "timed out", COUNTER, "Connections closed because their client took too long.")                   \
        X(accepted, "accepted", COUNTER, "Connections that the park has taken from the listeners itself.")             \
        X(lost, "lost", COUNTER, "Requests and replies that a park had when it died, as it had last said.")

enum scoreboard_park_number {
#define X(field, name, kind, help) SCOREBOARD_PARK_##field,
        SCOREBOARD_PARK_NUMBERS(X)
#undef X
                _SCOREBOARD_PARK_MAX,
};

struct scoreboard_park {
#define X(field, name, kind, help) _Atomic uint64_t field;
        SCOREBOARD_PARK_NUMBERS(X)
#undef X
};

/* THE table of what is done where more requests come than are served (ABI: append), counted since the pool's start.
 *   field      name
 *                      help */
#define SCOREBOARD_OVERLOAD_NUMBERS(X)                                                                                 \
        X(abandoned, "abandoned",                                                                                      \
          "Requests that were not run, since their client had gone before their script began.")                        \
        X(disconnected, "disconnected", "Scripts that were ended before they wrote, since their client had gone.")     \
        X(late, "refused late", "Requests that were refused, since they had waited for queue.max_wait.")               \
        X(too_many, "refused too many", "Requests that were refused, since queue.max_length others waited.")           \
        X(unserved, "refused unserved",                                                                                \
          "Requests that were refused, since PHP did not start, or the pool stopped before it had.")                   \
        X(yielded, "yielded", "Workers that have ended for those of other pools, since pool.budget was used up.")      \
        X(claimed, "claimed", "Times that the pool needed more workers, and pool.budget was used up.")

enum scoreboard_overload_number {
#define X(field, name, help) SCOREBOARD_OVERLOAD_##field,
        SCOREBOARD_OVERLOAD_NUMBERS(X)
#undef X
                _SCOREBOARD_OVERLOAD_MAX,
};

/* THE table of what a pool's fence has kept out (ABI: append), counted since the pool's start.
 *   field    name
 *                     help */
#define SCOREBOARD_DENIED_NUMBERS(X)                                                                                   \
        X(peers, "peers",                                                                                              \
          "Connections that were closed, since listen.allowed_clients or listen.peer_users does not name their peer.") \
        X(scripts, "scripts",                                                                                          \
          "Requests that were refused, since security.exec_basedir or security.script_owner keeps their script out.")

enum scoreboard_denied_number {
#define X(field, name, help) SCOREBOARD_DENIED_##field,
        SCOREBOARD_DENIED_NUMBERS(X)
#undef X
                _SCOREBOARD_DENIED_MAX,
};

/* THE table of what a request of worker.script can leave behind (ABI: append): as fpmctl calls it.
 *   symbol    heading */
#define SCOREBOARD_LEAK_KINDS(X)                                                                                       \
        X(GREW, "Grew")                                                                                                \
        X(CHANGED, "Changed, and did not grow")                                                                        \
        X(PUT_BACK, "Changed, and put back by fpmd")

enum scoreboard_leak_kind {
#define X(symbol, heading) SCOREBOARD_LEAK_##symbol,
        SCOREBOARD_LEAK_KINDS(X)
#undef X
                _SCOREBOARD_LEAK_MAX,
};

#define SCOREBOARD_LOGS 4U /* whose losses are counted apart: enum log_kind of log/out.h */

/* What had been counted when the service was last started anew: added to everything that is counted since. */
struct scoreboard_earlier {
        uint64_t requests;
        uint64_t connections;
        uint64_t duration_sum; /* usec */
        uint64_t durations[SCOREBOARD_DURATIONS];
        struct scoreboard_waits waits;
        uint64_t logs_lost[SCOREBOARD_LOGS];
        uint64_t reloads;
        uint64_t workers_died;
        uint64_t workers_oom;
        uint64_t slow_requests;
        uint64_t max_children_reached;
        uint64_t park[_SCOREBOARD_PARK_MAX]; /* of its gauges 0 */
        uint64_t overload[_SCOREBOARD_OVERLOAD_MAX];
        uint64_t denied[_SCOREBOARD_DENIED_MAX];
        /* the most, not a sum */
        uint64_t max_active;
        uint64_t max_listen_queue;
        uint64_t memory_peak; /* bytes */
};

struct scoreboard_header {
        uint64_t magic;
        uint32_t version;
        uint32_t header_size; /* sizeof(struct scoreboard_header) */
        uint32_t slot_size;   /* sizeof(struct scoreboard_slot) */
        uint32_t n_slots;     /* SCOREBOARD_SLOTS */
        char pool[SCOREBOARD_POOL_MAX];

        _Atomic uint32_t seq; /* guards what follows, as in a slot */
        uint32_t n_used;      /* slots below this number may have a worker */
        uint32_t generation;  /* the one that accepts */
        uint32_t max_children;
        char pm[SCOREBOARD_PM_MAX];
        uint64_t start_wall; /* usec since the epoch: pool's start */
        uint64_t start_mono; /* usec, CLOCK_MONOTONIC */
        uint64_t max_children_reached;
        uint64_t listen_queue; /* connections waiting, last sample */
        uint64_t max_listen_queue;
        uint64_t listen_queue_len;     /* backlog, over all listeners */
        uint64_t reloads;              /* generations that took over since the start */
        uint64_t workers_died;         /* workers that ended by a signal or with a failure */
        uint64_t slow_requests;        /* requests that took longer than request_slowlog_timeout */
        struct scoreboard_waits waits; /* in the listeners' queues, as the master works it out; see pool/waits.h */
        uint32_t stopping;             /* the pool ends: workers serve what the park still has, and then end */
        uint32_t failed_starts;        /* of the pool's PHP, in a row; 0: it has started */
        uint64_t workers_oom;          /* of workers_died: those that the kernel has killed for want of memory */
        struct scoreboard_earlier earlier;

        struct scoreboard_park park __attribute__((__aligned__(64))); /* the park's, and outside of seq */

        /* offered.h: of park.offered, how many have been received; the workers', and outside of seq */
        _Atomic uint64_t offers_taken __attribute__((__aligned__(64)));

        /* log entries given up by processes that are no workers; every process's, and outside of seq */
        _Atomic uint64_t logs_lost[SCOREBOARD_LOGS] __attribute__((__aligned__(64)));

        /* overload.h: every process's, and outside of seq */
        _Atomic uint64_t overload[_SCOREBOARD_OVERLOAD_MAX] __attribute__((__aligned__(64)));

        _Atomic uint64_t denied[_SCOREBOARD_DENIED_MAX]; /* likewise */

        _Atomic uint32_t leaks_wanted; /* leaks.h: requests that are to be examined still; likewise */

        /* active.h: all workers', and outside of seq */
        _Atomic uint32_t max_active __attribute__((__aligned__(64))); /* the most at once */
        _Atomic uint64_t active[SCOREBOARD_SLOTS / 64U]; /* who has a request in hand: a bit for each slot */
} __attribute__((__aligned__(4096)));

struct scoreboard_slot {
        _Atomic uint32_t seq;
        uint32_t stage; /* enum stage */
        int32_t pid;
        uint32_t generation;
        uint64_t stage_mono;   /* usec: since when in this stage */
        uint64_t start_mono;   /* usec: the worker's start */
        uint64_t start_wall;   /* usec since the epoch */
        uint64_t request_id;   /* number of the request in hand or last in hand, from 1, per worker */
        uint64_t request_mono; /* usec: the request's start */
        uint64_t request_wall; /* usec since the epoch: the same, also of workers this slot has had before */
        uint64_t duration;     /* usec: the last finished request's time */
        uint64_t cpu;          /* usec of CPU: the last finished request's; see worker/cputime.h about short ones */
        uint64_t memory;       /* bytes: PHP's peak in the last finished request */
        uint64_t content_length;
        uint64_t held; /* bytes: the worker's share of memory (PSS) between two requests, when it last looked; 0: not
                          yet */
        uint64_t need; /* bytes: the same, and what the largest of its recent requests had beside it */
        uint64_t accepted;    /* connections taken from listeners; cumulative over all workers this slot has had */
        uint64_t requests;    /* requests begun; cumulative likewise */
        uint64_t memory_peak; /* bytes: the most that any request took, of any worker this slot has had */
        _Atomic uint64_t logs_lost[SCOREBOARD_LOGS]; /* log entries given up, by enum log_kind; cumulative likewise, and
                                                        outside of seq */
        uint64_t duration_sum;                       /* usec of all finished requests; cumulative likewise */
        uint64_t durations[SCOREBOARD_DURATIONS]; /* finished requests by the bucket of their time; cumulative likewise
                                                   */
        struct scoreboard_waits waits;            /* of connections whose wait is known; cumulative likewise */
        char method[SCOREBOARD_METHOD_MAX];
        char user[SCOREBOARD_USER_MAX];
        char uri[SCOREBOARD_URI_MAX];
        char query[SCOREBOARD_QUERY_MAX];
        char script[SCOREBOARD_SCRIPT_MAX];
} __attribute__((__aligned__(64)));

/* What an examined request has left behind. Texts are cut. */
struct scoreboard_leak {
        _Atomic uint32_t seq; /* as a slot's */
        uint32_t kind;        /* enum scoreboard_leak_kind */
        int32_t pid;
        uint32_t line;
        char name[SCOREBOARD_LEAK_NAME_MAX];
        char what[SCOREBOARD_LEAK_WHAT_MAX];
        char file[SCOREBOARD_LEAK_FILE_MAX];
};

/* leaks.h: all workers', and outside of the header's seq. Not touched before somebody asks. */
struct scoreboard_leaks {
        _Atomic uint64_t examined; /* requests */
        _Atomic uint64_t found;    /* leaks there have ever been: the last SCOREBOARD_LEAKS are kept */
        struct scoreboard_leak ring[SCOREBOARD_LEAKS];
} __attribute__((__aligned__(4096)));

struct scoreboard {
        struct scoreboard_header header;
        struct scoreboard_slot slots[SCOREBOARD_SLOTS];
        struct scoreboard_leaks leaks;
};
