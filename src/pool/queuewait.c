/* SPDX-License-Identifier: MIT */
/*
 * Two curves over time, the connections that have ever come and those that have ever left the queues, are known at each
 * look, and taken for straight lines in between. Queues are first come, first served, so the connection that left as
 * number k had come as number k, and its wait is the distance of the two curves at that height (the picture behind
 * Little's law). Queues that fill and empty between two looks are not seen.
 *
 * The numbers come from the workers' slots and may be lies, which make a wrong metric and no more.
 */

#include "pool/queuewait.h"

#include <string.h>

#include "base/macros.h"

static void queuewait_add_point(struct queuewait *w, usec_t now, uint64_t arrived) {
        struct queuewait_point *last = &w->points[w->n_points - 1];

        if (w->n_points >= 2 && last->arrived == arrived && last[-1].arrived == arrived) {
                last->when = now; /* nobody comes: the line goes on */
                return;
        }
        if (w->n_points == QUEUEWAIT_POINTS) { /* the oldest two stretches become one */
                w->n_points--;
                memmove(&w->points[1], &w->points[2], (w->n_points - 1) * sizeof(*w->points));
        }
        w->points[w->n_points++] = (struct queuewait_point){ .when = now, .arrived = arrived };
}

/* All that came before them have left. */
static void queuewait_forget(struct queuewait *w, uint64_t left) {
        uint32_t n = 0;

        while (n + 1 < w->n_points && w->points[n + 1].arrived <= left)
                n++;
        w->n_points -= n;
        memmove(w->points, w->points + n, w->n_points * sizeof(*w->points));
}

/* When number k came; between two numbers, between their times. */
static double queuewait_arrival(const struct queuewait *w, double k) {
        const struct queuewait_point *p = w->points, *last = p + w->n_points - 1;
        double begin, end;

        while (p + 1 < last && (double)p[1].arrived < k)
                p++;
        begin = (double)p[0].arrived;
        end = (double)p[1].arrived;
        return end <= begin ? (double)p[1].when
                            : (double)p[0].when + (double)(p[1].when - p[0].when) * (k - begin) / (end - begin);
}

/* From one look to the next: n connections were taken, and so many had left the queues, ever. */
struct queuewait_step {
        usec_t then, now;
        uint64_t left_then, left_now;
        uint64_t n;
};

static uint32_t queuewait_divide(const struct queuewait *w, const struct queuewait_step *s,
                                 struct queuewait_share *ret) {
        uint32_t n_shares = (uint32_t)MIN(s->n, (uint64_t)QUEUEWAIT_SHARES);

        for (uint32_t i = 0; i < n_shares; i++) {
                double part = (i + 0.5) / n_shares;
                double arrival =
                        queuewait_arrival(w, (double)s->left_then + (double)(s->left_now - s->left_then) * part);
                double wait = (double)s->then + (double)(s->now - s->then) * part - arrival;

                ret[i] = (struct queuewait_share){ .wait = wait > 0 ? (usec_t)(wait + 0.5) : 0,
                                                   .n = s->n / n_shares + (i < s->n % n_shares) };
        }
        return n_shares;
}

void queuewait_begin(struct queuewait *w, usec_t now) {
        *w = (struct queuewait){ .points = { { .when = now } }, .n_points = 1 };
}

uint32_t queuewait_look(struct queuewait *w, usec_t now, uint64_t taken, uint64_t waiting,
                        struct queuewait_share ret[static QUEUEWAIT_SHARES]) {
        struct queuewait_point last = w->points[w->n_points - 1];
        uint64_t left_then = w->taken + w->lost, left_now;
        uint32_t n;

        if (now <= last.when || taken < w->taken || waiting > UINT32_MAX || taken > UINT64_MAX / 2) {
                *w = (struct queuewait){ .points = { { now, taken + waiting } }, .n_points = 1, .taken = taken };
                return 0;
        }
        if (taken + w->lost + waiting < last.arrived)
                w->lost = last.arrived - taken - waiting;
        left_now = taken + w->lost;
        queuewait_add_point(w, now, left_now + waiting);
        n = queuewait_divide(w, &(struct queuewait_step){ last.when, now, left_then, left_now, taken - w->taken }, ret);
        w->taken = taken;
        queuewait_forget(w, left_now);
        return n;
}
