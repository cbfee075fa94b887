/* SPDX-License-Identifier: MIT */
/*
 * Two curves over time, the connections that have ever come and those that have ever left the queues, are known at each
 * look, and taken for straight lines in between. Queues are first come, first served, so the connection that left as
 * number k had come as number k, and its wait is the distance of the two curves at that height (the picture behind
 * Little's law). Queues that fill and empty between two looks are not seen.
 *
 * The numbers come from the workers' slots and may be lies, which make a wrong metric and no more.
 */

#include "pool/waits.h"

#include <string.h>

#include "base/macros.h"

static void waits_add_point(struct waits *w, usec_t now, uint64_t arrived) {
        struct waits_point *last = &w->points[w->n_points - 1];

        if (w->n_points >= 2 && last->arrived == arrived && last[-1].arrived == arrived) {
                last->when = now; /* nobody comes: the line goes on */
                return;
        }
        if (w->n_points == WAITS_POINTS) { /* the oldest two stretches become one */
                w->n_points--;
                memmove(&w->points[1], &w->points[2], (w->n_points - 1) * sizeof(*w->points));
        }
        w->points[w->n_points++] = (struct waits_point){ .when = now, .arrived = arrived };
}

/* Whoever came before them has left. */
static void waits_forget(struct waits *w, uint64_t left) {
        uint32_t n = 0;

        while (n + 1 < w->n_points && w->points[n + 1].arrived <= left)
                n++;
        w->n_points -= n;
        memmove(w->points, w->points + n, w->n_points * sizeof(*w->points));
}

/* When number k came; between two numbers, between their times. */
static double waits_arrival(const struct waits *w, double k) {
        const struct waits_point *p = w->points, *last = p + w->n_points - 1;
        double begin, end;

        while (p + 1 < last && (double)p[1].arrived < k)
                p++;
        begin = (double)p[0].arrived;
        end = (double)p[1].arrived;
        return end <= begin ? (double)p[1].when
                            : (double)p[0].when + (double)(p[1].when - p[0].when) * (k - begin) / (end - begin);
}

static uint32_t waits_divide(const struct waits *w, usec_t then, usec_t now, uint64_t left_then, uint64_t left_now,
                             uint64_t n, struct waits_share *ret) {
        uint32_t n_shares = (uint32_t)MIN(n, (uint64_t)WAITS_SHARES);

        for (uint32_t i = 0; i < n_shares; i++) {
                double part = (i + 0.5) / n_shares;
                double arrival = waits_arrival(w, (double)left_then + (double)(left_now - left_then) * part);
                double wait = (double)then + (double)(now - then) * part - arrival;

                ret[i] = (struct waits_share){ .wait = wait > 0 ? (usec_t)(wait + 0.5) : 0,
                                               .n = n / n_shares + (i < n % n_shares) };
        }
        return n_shares;
}

void waits_begin(struct waits *w, usec_t now) {
        *w = (struct waits){ .points = { { .when = now } }, .n_points = 1 };
}

uint32_t waits_look(struct waits *w, usec_t now, uint64_t taken, uint64_t waiting,
                    struct waits_share ret[static WAITS_SHARES]) {
        struct waits_point last = w->points[w->n_points - 1];
        uint64_t left_then = w->taken + w->lost, left_now;
        uint32_t n;

        if (now <= last.when || taken < w->taken || waiting > UINT32_MAX || taken > UINT64_MAX / 2) {
                *w = (struct waits){ .points = { { now, taken + waiting } }, .n_points = 1, .taken = taken };
                return 0;
        }
        if (taken + w->lost + waiting < last.arrived)
                w->lost = last.arrived - taken - waiting;
        left_now = taken + w->lost;
        waits_add_point(w, now, left_now + waiting);
        n = waits_divide(w, last.when, now, left_then, left_now, taken - w->taken, ret);
        w->taken = taken;
        waits_forget(w, left_now);
        return n;
}
