/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a worker waits: for a new connection on any listener of its pool, for bytes on the one connection it keeps, or for the order to
 * end. All at once, in one epoll of its own, so that neither a kept connection nor a listener is ever ignored for the other.
 *
 * Exclusive wake-ups (EPOLLEXCLUSIVE, epoll_ctl(2)) give each new connection to one idle worker. A wake-up that nobody acts on would
 * leave a connection waiting beside idle workers, so whoever drops one rings the doorbell: an eventfd that all workers watch
 * exclusively too. Who takes the doorbell tries every listener, and rings it again when there was something, until there is nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct acceptor {
        int epoll_fd;
        int *listeners; /* non-blocking; shared with the whole pool */
        size_t n_listeners;
        int doorbell; /* eventfd, non-blocking; shared with the whole pool */
        int lifeline; /* read end of a pipe: hangs up when this generation is told to end, or has lost all its parents */
        int quit;     /* eventfd of this worker alone, written by its SIGQUIT handler */
        int kept;     /* the connection between two of its requests, or -1; owned by the caller */
        const volatile uint32_t *latest; /* number of the generation that accepts, in shared memory */
        uint32_t generation;             /* this worker's: once it is below the latest, nothing more is accepted */
        bool yield; /* a listener had something while the kept connection was served first: give it up next */
};

/* Before the first wait: where to see that this worker's generation is over. Costs a load; without it a connection that comes in the moment
 * of a reload might still be taken by an old worker that has not seen the lifeline hang up. */
void acceptor_set_generation(struct acceptor *a, const volatile uint32_t *latest, uint32_t generation);

/* Takes over the descriptors (closed by acceptor_done()); the list is copied. 0 or -errno. */
int acceptor_init(struct acceptor *a, const int *listeners, size_t n_listeners, int doorbell, int lifeline);
void acceptor_done(struct acceptor *a);
#define _cleanup_acceptor_ _cleanup_(acceptor_done)

/* The outcomes of waiting. */
enum {
        ACCEPT_E_CONNECTION = 1, /* *ret_fd is a new connection (close-on-exec, blocking), the caller's */
        ACCEPT_E_KEPT,           /* the kept connection has bytes, or has ended */
        ACCEPT_E_DRAIN,          /* this worker is to end; nothing more will be accepted */
};

/* Waits. One of the outcomes, or -errno. */
int acceptor_wait(struct acceptor *a, int *ret_fd);

/* Watches the connection between requests, or stops watching it (before it is closed). 0 or -errno. */
int acceptor_keep(struct acceptor *a, int fd);
void acceptor_forget(struct acceptor *a);

/* Gives up the listeners: deregistered first, then closed, then the doorbell rung for a wake-up that may have been on its way
 * to this worker. */
void acceptor_leave(struct acceptor *a);

/* True when the order to end has been given; a system call. For loops that do not wait in acceptor_wait(). */
bool acceptor_should_drain(const struct acceptor *a);
