/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * When a pool goes to sleep, and which one wakes up first: pure decisions. With pm = ondemand it goes to sleep when it
 * has had no worker for so long; with dynamic and static, which always have some, when all of them have been idle for
 * so long.
 */

#include <stdbool.h>

#include "base/time.h"

struct sleep_input {
        usec_t sleep_after;   /* 0: it never does */
        bool keeps_workers;   /* it has some also when nobody asks for them */
        bool is_settled;      /* none of its processes comes or goes */
        bool is_trial;        /* it was started for no client */
        bool is_pressed;      /* memory is short */
        unsigned n_workers;   /* alive, or asked for */
        unsigned n_idle_long; /* of these: idle for sleep_after */
        unsigned waiting;     /* connections that wait for a worker */
        usec_t unused_since;  /* it has had no worker since then */
        usec_t now;
};

/* True when it goes to sleep now. *ret_wake_at: look again then; USEC_INFINITY: only when something changes. */
bool sleep_plan(const struct sleep_input *in, usec_t *ret_wake_at);

/* A pool that sleeps has a client. */
struct sleep_client {
        bool has_let_pass; /* it has let others pass for this one */
        bool is_told;      /* the client's event is why the pool is looked at, and not something else */
        bool others_wait;  /* there are events of clients that have not been told, and may have come before */
};

/* True when it lets those pass whose clients have come before: once, as there may be no end of them. */
bool sleep_lets_pass(const struct sleep_client *c);

/* How often the workers of a pool that keeps them are looked at. */
#define SLEEP_LOOK USEC_PER_SEC
