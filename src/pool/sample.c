/* SPDX-License-Identifier: MIT */
/*
 * Numbers that nobody counts as they happen, looked at once a second: the most workers that were active at once, and how many connections
 * wait in the listeners' queues. The kernel tells the latter of TCP listeners in TCP_INFO (tcpi_unacked, tcp(7)).
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "pool/pool.h"
#include "scoreboard/slot.h"
#include "scoreboard/stages.h"

static uint64_t sample_active(const struct pool *p) {
        uint64_t n = 0;

        for (uint32_t i = 0; i < p->n_used; i++) {
                uint32_t stage = *(volatile uint32_t *)&p->scoreboard->slots[i].stage;

                n += p->workers[i].state == WORKER_ACCEPTING && stage != STAGE_NONE && !stage_info(stage)->idle;
        }
        return n;
}

static uint64_t sample_queue(const struct pool *p, uint64_t *ret_length) {
        const struct pool_listeners *l = &p->current->listeners;
        uint64_t waiting = 0;

        *ret_length = 0;
        for (size_t i = 0; i < l->n; i++) {
                struct tcp_info info = {};
                socklen_t n = sizeof(info);

                if (getsockopt(l->fds[i], IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
                        continue;
                waiting += info.tcpi_unacked; /* of a listener: the queue now, and in tcpi_sacked its limit */
                *ret_length += info.tcpi_sacked;
        }
        return waiting;
}

void pool_sample(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        uint64_t queue, length;

        if (!p->current)
                return;
        p->max_active = MAX(p->max_active, sample_active(p));
        queue = sample_queue(p, &length);
        p->max_queue = MAX(p->max_queue, queue);
        seq_begin(&h->seq);
        h->max_active = p->max_active;
        h->listen_queue = queue;
        h->max_listen_queue = p->max_queue;
        h->listen_queue_len = length;
        seq_end(&h->seq);
}
