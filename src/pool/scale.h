/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many workers a generation should have: a pure decision. Old busy workers count towards pm.max_children, but a generation that is
 * to accept always gets max(1, a quarter of it), so that no reload waits for a slow request.
 */

#include <stdbool.h>

#include "base/time.h"

struct scale_input {
        unsigned max_children;
        unsigned n_workers;    /* of the generation: alive, or asked for */
        unsigned n_others;     /* of the pool's other generations: alive */
        unsigned n_young_dead; /* workers that died young, one after another */
        usec_t last_death;     /* when the last of them died */
        usec_t last_try;       /* when a worker was last forked to see whether that is over; 0: never */
        usec_t now;
};

struct scale_plan {
        unsigned spawn;
        bool is_try;    /* the one to spawn is a try: remember when */
        bool is_over;   /* the last try has grown up: the young deaths are history */
        usec_t wake_at; /* look again then; USEC_INFINITY: only when something changes */
};

void scale_plan(const struct scale_input *in, struct scale_plan *ret);

/* Workers a generation gets at once, whatever others still do. */
unsigned scale_first(unsigned max_children);

/* A worker that died within this time of its start died young. */
#define SCALE_YOUNG (2 * USEC_PER_SEC)

/* So many may die young in a row before replacements are delayed; then one is tried after a delay, which doubles from the first to the longest with each
 * death. A try that grows up ends it. */
#define SCALE_YOUNG_FREE 8U
#define SCALE_DELAY_FIRST (100 * USEC_PER_MSEC)
#define SCALE_DELAY_LONGEST (10 * USEC_PER_SEC)

/* The delay before the next replacement, 0 for none. */
usec_t scale_delay(unsigned n_young_dead);
