/* SPDX-License-Identifier: MIT */
/*
 * Numbers that nobody counts as they happen, looked at when the pool begins to serve and then once a second: how many
 * connections wait in the listeners' queues, and how long those waited that have been taken.
 *
 * And who is idle, when the number of workers is decided.
 */

#include "pool/sample.h"

#include <poll.h>

#include "pool/losses.h"
#include "pool/queue.h"
#include "scoreboard/slot.h"
#include "untrusted/board.h"

uint64_t sample_count_taken(const struct pool *p) {
        return untrusted_board_taken(p->scoreboard, p->n_used) + untrusted_board_offers_taken(p->scoreboard);
}

/* Of the pool's listeners. */
static uint64_t sample_queue(const struct pool *p, uint64_t *ret_length) {
        const struct pool_listeners *l = &p->current->listeners;
        uint64_t waiting = 0;

        *ret_length = 0;
        for (size_t i = 0; i < l->n; i++) {
                struct queue_state queue;

                if (!queue_of_listener(l->fds[i], &queue))
                        continue;
                waiting += queue.waiting;
                *ret_length += queue.limit;
        }
        return waiting;
}

/* The slot's word is a hint; the master knows by itself which worker it is, and that it lives. */
static bool sample_is_idle(const struct generation *g, uint32_t slot, usec_t idle_for, usec_t now) {
        const struct pool_worker *w = &g->pool->workers[slot];

        return w->state == WORKER_ACCEPTING && w->generation == g && !w->leaving &&
               untrusted_board_is_idle(g->pool->scoreboard, slot, idle_for, now);
}

void sample_count_idle(const struct generation *g, usec_t idle_for, usec_t now, unsigned *ret_n, unsigned *ret_n_long) {
        unsigned n = 0, n_long = 0;

        for (uint32_t i = 0; i < g->pool->n_used; i++) {
                n += sample_is_idle(g, i, 0, now);
                n_long += idle_for > 0 && sample_is_idle(g, i, idle_for, now);
        }
        *ret_n = n;
        *ret_n_long = MIN(n_long, n); /* they may change between two looks */
}

bool sample_last_idle(const struct generation *g, usec_t idle_for, usec_t now, uint32_t *ret_slot) {
        uint64_t last = 0;

        for (uint32_t i = 0; i < g->pool->n_used; i++)
                if (g->pool->workers[i].number > last && sample_is_idle(g, i, idle_for, now)) {
                        last = g->pool->workers[i].number;
                        *ret_slot = i;
                }
        return last > 0;
}

/* Of unix sockets the kernel takes the longer for the answer the more there are. */
void sample_limits(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        uint64_t length;

        if (p->current->asleep && !p->current->conf->status_listen)
                return; /* nobody would see it before it wakes up */
        (void)sample_queue(p, &length);
        slot_seq_begin(&h->seq);
        h->listen_queue_len = length;
        slot_seq_end(&h->seq);
}

void sample_begin(struct pool *p) {
        struct queuewait_share none[QUEUEWAIT_SHARES];
        usec_t now = time_now();

        queuewait_begin(&p->queue.wait, now);
        (void)queuewait_look(&p->queue.wait, now, untrusted_board_taken(p->scoreboard, p->n_used), 0, none);
}

static usec_t sample_mean_wait(const struct pool *p, const struct queuewait_share *shares, uint32_t n_shares) {
        double sum = 0, n = 0;

        for (uint32_t i = 0; i < n_shares; i++) {
                sum += (double)shares[i].wait * (double)shares[i].n;
                n += (double)shares[i].n;
        }
        if (n > 0)
                return (usec_t)(sum / n);
        return p->queue.now > 0 && p->queue.wait.n_points > 0 ? time_now() - p->queue.wait.points[0].when : 0;
}

/* A pool without pairs has had no park, nor will there be one while it stops. */
static bool sample_has_offers(const struct pool *p) {
        struct pollfd fd = { .fd = p->parks.offers[0], .events = POLLIN };

        return fd.fd >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN);
}

static void sample_offers(struct pool *p) {
        struct untrusted_board_offers *seen = &p->offers.seen;

        if (untrusted_board_look_at_offers(p->scoreboard, seen) && !sample_has_offers(p))
                untrusted_board_settle_offers(p->scoreboard, seen);
        p->offers.unsettled = seen->sent != seen->taken;
}

void sample_pool(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        struct queuewait_share shares[QUEUEWAIT_SHARES];
        uint64_t queue, length;
        uint32_t n_shares;

        losses_look(p, false);
        sample_offers(p);
        if (!p->current)
                return;
        queue = sample_queue(p, &length);
        p->queue.now = queue;
        p->queue.most = MAX(p->queue.most, queue);
        n_shares = queuewait_look(&p->queue.wait, time_now(), untrusted_board_taken(p->scoreboard, p->n_used), queue,
                                  shares);
        p->queue.last_wait = sample_mean_wait(p, shares, n_shares);
        slot_seq_begin(&h->seq);
        h->listen_queue = queue;
        h->max_listen_queue = p->queue.most;
        h->listen_queue_len = length;
        for (uint32_t i = 0; i < n_shares; i++)
                slot_waited(&h->waits, shares[i].wait, shares[i].n);
        slot_seq_end(&h->seq);
}
