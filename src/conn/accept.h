/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a worker waits, and what it takes.
 *
 * Exclusive wake-ups (EPOLLEXCLUSIVE, epoll_ctl(2)) give each new connection to one idle worker. A wake-up that nobody
 * acts on would leave a connection waiting beside idle workers, so a worker that drops one rings the doorbell: an
 * eventfd that all workers watch exclusively too. A worker that is woken by the doorbell tries every listener and the
 * offers, and rings it again when there was something, until there is nothing.
 *
 * A kept connection that has a request is served first, for ACCEPT_SPAN at most while others wait, with a ring of the
 * doorbell for each of them; one that has none is to be given up as soon as something else comes, or when the time is
 * over that was set for it.
 */

#include <stdbool.h>

#include "base/time.h"
#include "conn/acceptor.h"

#define ACCEPT_SPAN (2 * USEC_PER_MSEC)

/* The outcomes of waiting. */
enum {
        ACCEPT_E_CONNECTION = 1, /* *ret_fd is a new connection (close-on-exec, blocking), the caller's */
        ACCEPT_E_OFFER,          /* the park may offer one: nobody else was woken for it */
        ACCEPT_E_KEPT,           /* the kept connection has bytes, or has ended */
        ACCEPT_E_SHELF,          /* a connection on the shelf has bytes, or has ended */
        ACCEPT_E_YIELD,          /* something of others' is ready: give the kept connection up, and wait again */
        ACCEPT_E_TIMEOUT,        /* neither within the kept connection's time */
        ACCEPT_E_DRAIN,          /* this worker is to end; nothing more will be accepted */
};

/* Waits. One of the outcomes, or -errno. in_hand: a connection is kept, watched or not. ready: its next request is in
 * memory already, but it has had its turn: others that wait come first now, and when there are none it is KEPT at once.
 * now: the time. */
int accept_wait(struct acceptor *a, bool in_hand, bool ready, usec_t now, int *ret_fd);

/* In place of the wait, when what it is for is probably there: CONNECTION; KEPT, which nobody has looked for yet, so
 * that accept_missed() is to be told when there was nothing; or 0: wait. */
int accept_try(struct acceptor *a, bool in_hand, usec_t now, int *ret_fd);
void accept_missed(struct acceptor *a);

/* After YIELD, in place of the next wait: this worker cannot take what is ready, somebody else shall. */
void accept_hand_on(struct acceptor *a);
