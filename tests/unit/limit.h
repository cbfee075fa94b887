/* SPDX-License-Identifier: MIT */
#pragma once
/* For tests of what must not wait: ends the program where it does. A timer that base/nowait.c leaves alone. */

#include <signal.h>
#include <time.h>

#define LIMIT_SECONDS 20

/* Include cmocka.h before. To be ended by timer_delete(2). */
static inline timer_t limit_begin(void) {
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
        const struct itimerspec limit = { .it_value.tv_sec = LIMIT_SECONDS };
        timer_t timer;

        assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
        assert_int_equal(timer_settime(timer, 0, &limit, NULL), 0);
        return timer;
}
