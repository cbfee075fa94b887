/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Batches of a reload: which pools go in them, and when the next one begins. Pure: no clock, no system call. A window
 * of pools moves over all of them, rather than one batch after the other, so that one that takes long holds up itself.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

/* Pools that have a second zygote at the same time: about 150 MiB with what one takes (ARCHITECTURE.md). */
#define WINDOW_SIZE 32U

/* Of a pool whose next generation serves, what is left of the old one has a place in the window for so long. Idle
 * workers and their zygote have gone by then; who is busy may take any time. */
#define WINDOW_PATIENCE USEC_PER_SEC

/* A pool in a reload. */
struct window_pool {
        bool replaced; /* it has a generation, and gets another one */
        bool in_place; /* at the listeners that it has, all of them, and no other */
        bool awake;    /* it has a zygote, and nothing of it comes or goes, but tries of a renewal that has failed */
        bool classic;  /* what it starts with is PHP and no script, so that it can be started twice */
};

/* Whether it may go in a batch; whether so many are enough for that. */
bool window_suits(const struct window_pool *p);
bool window_pays(size_t n);

/* What is known of one of them by now. */
struct window_look {
        bool waits;        /* it may begin */
        bool begun;        /* it has, and is not ready */
        usec_t ends_since; /* what is left of another generation was told to end then; 0: nothing is */
};

/* All of them, one by one; begins as {}. */
struct window {
        unsigned n;     /* that have a place */
        usec_t wake_at; /* one gets free then, if not before; 0: when something changes */
};

void window_count(struct window *w, const struct window_look *look, usec_t now);

/* True when one that waits may begin: it has a place then. */
bool window_let(struct window *w, const struct window_look *look);
