/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One time type: microseconds of CLOCK_MONOTONIC, read once per event by whoever receives the event, and handed down.
 * Wall-clock time appears only where a person reads it.
 */

#include <limits.h>
#include <stdint.h>
#include <time.h>

typedef uint64_t usec_t;

#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)
#define NSEC_PER_USEC ((uint64_t)1000)
#define USEC_INFINITY UINT64_MAX

static inline uint64_t time_read_nsec(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* CLOCK_MONOTONIC now, in microseconds; from the vDSO, no system call. */
static inline usec_t time_now(void) {
        return time_read_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC;
}

/* From now until then in milliseconds, as poll(2) and epoll_wait(2) want them: rounded up, so that who wakes finds it
 * due. USEC_INFINITY: -1, for ever. */
static inline int time_left_msec(usec_t now, usec_t then) {
        usec_t left = then > now ? then - now : 0;
        usec_t msec = left / USEC_PER_MSEC + (left % USEC_PER_MSEC > 0);

        if (then == USEC_INFINITY)
                return -1;
        return msec > INT_MAX ? INT_MAX : (int)msec;
}

/* CLOCK_REALTIME now, in microseconds since the epoch: for people only. */
static inline usec_t time_wall(void) {
        return time_read_nsec(CLOCK_REALTIME) / NSEC_PER_USEC;
}
