/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How much CPU time a request took. The clock that knows is a system call, and a dear one; so it is read after a
 * request that took long, and after many short ones. What those took one by one is told by the share of CPU time that
 * the latest stretch of them had, and the sum is right at each reading. That share may be above one: taking a
 * connection and closing it is CPU time as well, and no request's time. What is no request at all, a port check, is
 * counted as if each took the same.
 *
 * Pure: times in, times out.
 */

#include <stdbool.h>
#include <stdint.h>

#define CPUTIME_LONG    5000000ULL   /* nsec: a request that takes so long has a reading of its own */
#define CPUTIME_STRETCH 100000000ULL /* nsec: short requests that take so long together have one */
#define CPUTIME_OTHER   20000ULL     /* nsec: something that is no request */

struct cputime {
        uint64_t read;   /* the process's CPU clock at the last reading, nsec */
        uint64_t passed; /* the time that requests have taken since */
        uint64_t told;   /* the CPU time that is thought to have gone with them */
        double share;    /* of a short request's time */
        bool measured;   /* there has been a reading */
};

/* Whether the clock is to be read at the end of a request that took this long. */
bool cputime_is_due(const struct cputime *c, uint64_t duration);

/* A request has ended. clock: the reading, when one was due. Its CPU time, nsec; of a short one no more than it took.
 */
uint64_t cputime_account(struct cputime *c, uint64_t duration, uint64_t clock);

/* Something has happened that was no request. */
void cputime_pass(struct cputime *c);

/* Whether the clock is to be read before cputime_now() is asked, and what it said then. */
bool cputime_is_stale(const struct cputime *c);
void cputime_read(struct cputime *c, uint64_t clock);

/* Where the CPU clock stands now, to within what a stretch since the last reading may differ from the share. */
uint64_t cputime_now(const struct cputime *c);
