/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a busy worker does next is often there already when it has finished something. Then it need not ask epoll first,
 * nor give back what it would need again at once. So it spins: it tries before it waits, as long as
 * that succeeds. After a miss it waits twice before it tries again, four times after the next miss, up to SPIN_PAUSE
 * times: where there is nothing to gain, trying costs nothing to speak of. It begins with a wait, which alone sees
 * everything.
 *
 * It spins for a short time, so what a try does not see (others that wait, an order to end, a client of what is not
 * given back) waits for a moment only.
 *
 * Pure: no clock, no system call.
 */

#include <stdbool.h>

#include "base/time.h"

/* It waits after so many tries, or that time. */
#define SPIN_TRIES 16U
#define SPIN_TIME  (USEC_PER_MSEC / 2)

#define SPIN_PAUSE 64U

struct spin {
        bool on;          /* the last try succeeded, as far as is known */
        unsigned n_tries; /* since the last wait */
        usec_t since;     /* the first of them */
        unsigned pause;   /* waits before the next try, less one */
        unsigned n_waits; /* since the last try */
};

/* Something is finished now, and the worker looks for more. True: it tries; false: it is to wait. */
bool spin_try(struct spin *s, usec_t now);

/* The try found nothing. */
void spin_missed(struct spin *s);

/* The worker waits. */
void spin_wait(struct spin *s);
