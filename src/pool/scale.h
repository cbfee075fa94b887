/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many workers a generation should have: a pure decision. Old busy workers count towards pm.max_children, but a
 * generation that is to accept always may have max(1, a quarter of it), so that no reload waits for a slow request.
 *
 *   static     as many as there is room for
 *   dynamic    a target, which a round a second moves: up, by a rate that doubles with each round of need, while fewer
 *              than pm.min_spare_servers are idle; down by one while more than pm.max_spare_servers are, or
 *              (pm.process_idle_timeout) while one above pm.min_spare_servers has been idle for so long
 *   ondemand   what connections ask for; those idle for pm.process_idle_timeout end
 *
 * dynamic and ondemand do not wait for a round when connections wait and no worker is idle: they grow within
 * milliseconds, by a surge that doubles for as long as that is so, and never by more than there are connections that
 * wait. The number of idle workers is read from shared memory, and only a hint: a pool that lies about it gets the
 * wrong number of workers, within the same bounds.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "conf/model.h"

/* What a decision leaves for the next one. */
struct scale_state {
        unsigned target;      /* dynamic: workers it should have */
        unsigned rate;        /* dynamic: how many a round of need adds */
        unsigned surge;       /* how many are added when connections wait and nobody is idle */
        usec_t round_at;      /* the next round; 0: none yet */
        usec_t waiting_since; /* connections have been waiting at every look since then; 0: not at the last one */
        uint64_t taken_until; /* those that waited at waiting_since have been taken when it is so many */
        unsigned n_there;     /* workers that were accepting at the last look */
        bool at_max;          /* more were wanted than pm.max_children allows, and it has been told */
        bool at_process_max;  /* the same for process.max */
        bool at_budget;       /* and for pool.budget */
        unsigned claims;      /* workers that it needs from others then */
};

struct scale_input {
        enum conf_pm pm;
        unsigned max_children;
        unsigned min_spare, max_spare; /* dynamic */
        unsigned max_spawn_rate;
        usec_t idle_timeout; /* 0: none */
        bool starting;       /* not in charge yet: n_first is all it gets */
        unsigned n_first;
        unsigned n_workers; /* of the generation: alive, or asked for */
        unsigned n_leaving; /* of these: told to end */
        unsigned n_pending; /* of these: not accepting yet */
        unsigned n_idle; /* of these: accepting, with no request in hand; a hint. static: only when there are more than
                            max_children */
        unsigned n_idle_long;  /* of these: for idle_timeout and longer */
        unsigned n_others;     /* of the pool's other generations: alive */
        bool pressed;          /* memory is short: nobody stays idle beyond min_spare */
        unsigned n_left;       /* how many more process.max allows; UINT_MAX: any number */
        bool has_budget;       /* there is a pool.budget ... */
        unsigned n_budget;     /* ... which allows so many more */
        unsigned waiting;      /* connections that wait; UINT_MAX: nobody knows how many */
        uint64_t taken;        /* connections that workers have taken so far; a hint */
        unsigned n_young_dead; /* workers that died young, one after another */
        usec_t last_death;     /* when the last of them died */
        usec_t last_try;       /* when a worker was last forked to see whether that is over; 0: never */
        usec_t now;
        struct scale_state state;
};

struct scale_plan {
        unsigned spawn;
        unsigned end;             /* so many idle workers are to end ... */
        usec_t end_idle_for;      /* ... that have been idle for so long */
        bool reached_max;         /* worth a message, once: pm.max_children keeps it from growing */
        bool reached_process_max; /* likewise process.max */
        bool reached_budget;      /* likewise pool.budget */
        bool busy;                /* worth a message: it grows fast */
        bool is_round;            /* the one of each second */
        bool is_try;              /* the one to spawn is a try: remember when */
        bool is_over;             /* the last try has grown up: the young deaths are history */
        usec_t wake_at;           /* look again then; USEC_INFINITY: only when something changes */
        struct scale_state state;
};

void scale_plan(const struct scale_input *in, struct scale_plan *ret);

/* Workers a generation may have at once, whatever others still do. */
unsigned scale_least(unsigned max_children);

/* Accepting workers that make a generation of this pool ready, of max_children at most; replacing: another one serves
 * until then. */
unsigned scale_first(const struct conf_pool *conf, unsigned max_children, bool replacing);

/* What the first decision begins with. */
struct scale_state scale_begin(const struct conf_pool *conf);

/* One round of dynamic and ondemand. */
#define SCALE_ROUND USEC_PER_SEC

/* While connections wait: the next look, which is also the moment in which a busy worker may become free; and how long
 * idle workers may leave them waiting before they are taken for busy. */
#define SCALE_LOOK     (5 * USEC_PER_MSEC)
#define SCALE_PATIENCE (500 * USEC_PER_MSEC)

/* At process.max or pool.budget: the next look whether another pool's worker has ended. */
#define SCALE_RETRY (100 * USEC_PER_MSEC)

/* A rate from which growing is worth a message. */
#define SCALE_BUSY_RATE 8U

/* A worker that died within this time of its start died young. */
#define SCALE_YOUNG (2 * USEC_PER_SEC)

/* So many may die young in a row before replacements are delayed; then one is tried after a delay, which doubles from
 * the first to the longest with each death. A try that grows up ends it. */
#define SCALE_YOUNG_FREE    8U
#define SCALE_DELAY_FIRST   (100 * USEC_PER_MSEC)
#define SCALE_DELAY_LONGEST (10 * USEC_PER_SEC)

/* How many have died young in a row, with one of that age that has just died. */
unsigned scale_count_young(unsigned n_young_dead, usec_t age);

/* The delay before the next replacement, 0 for none. */
usec_t scale_delay(unsigned n_young_dead);
