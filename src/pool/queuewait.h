/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How long connections have waited at the listeners, without a clock on any of them: a connection has no time of
 * arrival that could be asked for. Each look tells how many have been taken so far and how many wait.
 * Pure.
 */

#include <stdint.h>

#include "base/time.h"

/* Looks that are remembered while connections wait. */
#define QUEUEWAIT_POINTS 64U

/* Groups into which the connections taken between two looks are divided; all of a group have the same wait. */
#define QUEUEWAIT_SHARES 32U

/* So many connections had ever come by then. */
struct queuewait_point {
        usec_t when;
        uint64_t arrived;
};

struct queuewait {
        struct queuewait_point
                points[QUEUEWAIT_POINTS]; /* oldest first; since about when the longest waiting has come */
        uint32_t n_points;
        uint64_t taken; /* at the last look */
        uint64_t lost;  /* left the queues without being taken */
};

struct queuewait_share {
        usec_t wait;
        uint64_t n; /* connections that waited so long */
};

/* Nobody has come before now. */
void queuewait_begin(struct queuewait *w, usec_t now);

/* One more look: taken is the sum of all connections taken so far, waiting the length of all queues. The number of
 * shares in ret: one for each group of the connections that were taken since the last look. None when the numbers make
 * no sense beside those of the last look. */
uint32_t queuewait_look(struct queuewait *w, usec_t now, uint64_t taken, uint64_t waiting,
                        struct queuewait_share ret[static QUEUEWAIT_SHARES]);
