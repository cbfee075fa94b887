/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a worker waits: for a new connection on any listener of its pool, for one that the park offers, for bytes on the
 * one connection it keeps, or for the order to end. All at once, in one epoll of its own, so that neither a kept
 * connection nor a listener is ever ignored for the other; when others do that already, it rests: in a second one,
 * without listeners and offers (roster.h).
 *
 * Exclusive wake-ups (EPOLLEXCLUSIVE, epoll_ctl(2)) give each new connection to one idle worker. A wake-up that nobody
 * acts on would leave a connection waiting beside idle workers, so whoever drops one rings the doorbell: an eventfd
 * that all workers watch exclusively too. Who takes the doorbell tries every listener and the offers, and rings it
 * again when there was something, until there is nothing.
 *
 * A kept connection that has a request is served first, for ACCEPT_SPAN at most while others wait, with a ring of the
 * doorbell for each of them; one that has none is to be given up as soon as something else comes, or when the time is
 * over that was set for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/time.h"
#include "conn/roster.h"
#include "conn/streak.h"

#define ACCEPT_SPAN (2 * USEC_PER_MSEC)

struct acceptor {
        int epoll_fd;
        int rest_fds[2]; /* the epolls of a worker that rests, see roster.h; [true]: with a connection in hand */
        int *listeners;  /* non-blocking; shared with the whole pool */
        size_t n_listeners;
        int offers;   /* the park's, park.h; shared with the whole pool; -1: there are none, or there will be none any
                         more */
        int doorbell; /* eventfd, non-blocking; shared with the whole pool */
        int lifeline; /* read end of a pipe: hangs up when this generation is told to end, or has lost all its parents
                       */
        int quit;     /* eventfd of this worker alone, written by its SIGQUIT handler */
        int kept;     /* the connection between two of its requests, or -1; owned by the caller */
        const volatile uint32_t *latest; /* number of the generation that accepts, in shared memory */
        uint32_t generation;             /* this worker's: once it is below the latest, nothing more is accepted */
        bool kept_heard[2];              /* [true]: rest_fds[true] has it; [false]: epoll_fd has it */
        usec_t kept_until;               /* when ACCEPT_E_TIMEOUT is due for the kept connection */
        usec_t others_since; /* something of others' has been ready, and the kept connection served first, since then;
                                0: not */
        bool kept_last;      /* the last event was the kept connection's */
        bool kept_alone;     /* the one before, too: nothing of others' was ready */
        usec_t kept_looked;  /* when it was last looked whether others wait whom somebody else was woken for; 0: not yet
                              */
        unsigned n_kept_heard; /* how often the kept connection has been ready since then */
        int reported;          /* what YIELD was for, to be acted on next; 0 with has_reported unset */
        bool has_reported;
        struct streak streak;
        size_t last;           /* the listener that the last connection came from */
        struct roster *roster; /* shared with the generation's other workers, or NULL */
        uint32_t slot;         /* its number there */
};

/* Before the first wait: where to see that this worker's generation is over. Costs a load; without it a connection that
 * comes in the moment of a reload might still be taken by an old worker that has not seen the lifeline hang up. */
void acceptor_set_generation(struct acceptor *a, const volatile uint32_t *latest, uint32_t generation);

/* What a worker waits for; the fields are struct acceptor's. */
struct acceptor_sources {
        const int *listeners;
        size_t n_listeners;
        int offers, doorbell, lifeline;
        struct roster *roster;
        uint32_t slot;
        unsigned first; /* any number, another one for each worker: which of the listeners and the offers it sees first
                         * when several are ready from the start. Were it the same one for all, workers that end after a
                         * request each would never come to the others. */
};

/* Takes over the descriptors (closed by acceptor_done()); the list is copied. 0 or -errno. */
int acceptor_init(struct acceptor *a, const struct acceptor_sources *s);
void acceptor_done(struct acceptor *a);
#define _cleanup_acceptor_ _cleanup_(acceptor_done)

/* The outcomes of waiting. */
enum {
        ACCEPT_E_CONNECTION = 1, /* *ret_fd is a new connection (close-on-exec, blocking), the caller's */
        ACCEPT_E_OFFER,          /* the park may offer one: nobody else was woken for it */
        ACCEPT_E_KEPT,           /* the kept connection has bytes, or has ended */
        ACCEPT_E_YIELD,          /* something of others' is ready: give the kept connection up, and wait again */
        ACCEPT_E_TIMEOUT,        /* neither within the kept connection's time */
        ACCEPT_E_DRAIN,          /* this worker is to end; nothing more will be accepted */
};

/* Waits. One of the outcomes, or -errno. in_hand: a connection is kept, watched or not. ready: its next request is in
 * memory already, but it has had its turn: others that wait come first now, and when there are none it is KEPT at once.
 * now: the time. */
int acceptor_wait(struct acceptor *a, bool in_hand, bool ready, usec_t now, int *ret_fd);

/* In place of the wait, when what it is for is probably there: CONNECTION; KEPT, which nobody has looked for yet, so
 * that acceptor_missed() is to be told when there was nothing; or 0: wait. */
int acceptor_try(struct acceptor *a, bool in_hand, usec_t now, int *ret_fd);
void acceptor_missed(struct acceptor *a);

/* After YIELD, in place of the next wait: this worker cannot take what is ready, somebody else shall. */
void acceptor_hand_on(struct acceptor *a);

/* Hears the connection between requests, until then (USEC_INFINITY: for ever), in the waits that follow: where epoll
 * refuses it, the outcome is YIELD. Or stops hearing it, before it is closed or handed to another process. */
void acceptor_keep(struct acceptor *a, int fd, usec_t until);
void acceptor_forget(struct acceptor *a);

/* The offers are at their end. */
void acceptor_forget_offers(struct acceptor *a);

/* Gives up the listeners and the offers: deregistered first, then closed, then the doorbell rung for a wake-up that may
 * have been on its way to this worker. Or all but the offers: then acceptor_wait() goes on for those alone (and for the
 * doorbell, which may be about them), and the order to end is not heard any more. */
void acceptor_leave(struct acceptor *a);
void acceptor_leave_for_offers(struct acceptor *a);

/* True when the order to end has been given; a system call. For loops that do not wait in acceptor_wait(). */
bool acceptor_should_drain(const struct acceptor *a);
