/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a worker waits for, and how it is asked of the kernel: new connections at any listener of its pool, those that
 * the park offers, bytes on the one connection it keeps, and the order to end. All are in one epoll of the worker's
 * own, so that neither a kept connection nor a listener is ever ignored for the other; when enough others wait like
 * that it rests: it waits in a second epoll, without listeners and offers (watchers.h). The wait is in accept.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/time.h"
#include "conn/spin.h"
#include "conn/watchers.h"

struct acceptor {
        int epoll_fd;
        int rest_fds[2]; /* the epolls of a worker that rests, see watchers.h; [true]: with a connection in hand */
        int *listeners;  /* non-blocking; shared with the whole pool */
        size_t n_listeners;
        int offers;   /* the park's, handover.h; shared with the whole pool; -1: there are none (any more) */
        int doorbell; /* eventfd, non-blocking; shared with the whole pool */
        int lifeline; /* read end of a pipe: hangs up when this generation is told to end, or has lost all its parents
                       */
        int quit;     /* eventfd of this worker alone, written by its SIGQUIT handler */
        int kept;     /* the connection between two of its requests, or -1; owned by the caller */
        const volatile uint32_t *latest; /* number of the generation that accepts, in shared memory */
        uint32_t generation;             /* this worker's: once it is below the latest, nothing more is accepted */
        int shelf;                       /* an epoll of the caller's, in all of ours, for more of them; -1: none */
        bool kept_heard[2];              /* [true]: rest_fds[true] has it; [false]: epoll_fd has it */
        usec_t kept_until;               /* when ACCEPT_E_TIMEOUT is due for the kept connection */
        usec_t others_since;   /* something of others' has been ready, and the kept connection served first, since then;
                                  0: not */
        bool kept_last;        /* the last event was the kept connection's */
        bool kept_alone;       /* the one before, too: nothing of others' was ready */
        usec_t kept_looked;    /* when this worker last looked for what waits and others were woken for; 0: not yet */
        unsigned n_kept_heard; /* how often the kept connection has been ready since then */
        int reported;          /* what YIELD was for, to be acted on next; 0 with has_reported unset */
        bool has_reported;
        struct spin spin;
        size_t last;               /* the listener that the last connection came from */
        struct watchers *watchers; /* shared with the generation's other workers, or NULL */
        uint32_t slot;             /* its number there */
};

/* Before the first wait: where to see that this worker's generation is over. Costs a load; without it a connection that
 * comes in the moment of a reload might still be taken by an old worker that has not seen the lifeline hang up. */
void acceptor_set_generation(struct acceptor *a, const volatile uint32_t *latest, uint32_t generation);

/* What a worker waits for; the fields are struct acceptor's. */
struct acceptor_sources {
        const int *listeners;
        size_t n_listeners;
        int offers, doorbell, lifeline;
        struct watchers *watchers;
        uint32_t slot;
        unsigned first; /* which of the listeners and the offers it sees first when several are ready from the start,
                         * modulo their number: one more for each worker. Were it the same one for all, workers that end
                         * after a request each would never come to the others; process ids may all be even. */
};

/* Takes over the descriptors (closed by acceptor_done()); the list is copied. 0 or -errno. */
int acceptor_init(struct acceptor *a, const struct acceptor_sources *s);
void acceptor_done(struct acceptor *a);
#define _cleanup_acceptor_ _cleanup_(acceptor_done)

/* Hears the connection between requests, until then (USEC_INFINITY: for ever), in the waits that follow: where epoll
 * refuses it, the outcome is YIELD. Or stops hearing it, before it is closed or handed to another process. */
void acceptor_keep(struct acceptor *a, int fd, usec_t until);
void acceptor_forget(struct acceptor *a);

/* Hears the shelf's connections from now on, in every wait, up to its closing. 0 or -errno. */
int acceptor_hear_shelf(struct acceptor *a, int epoll_fd);

/* The offers are at their end. */
void acceptor_forget_offers(struct acceptor *a);

/* Gives up the listeners and the offers: deregistered first, then closed, then the doorbell rung for a wake-up that may
 * have been on its way to this worker. Or all but the offers: then accept_wait() goes on for those alone (and for the
 * doorbell, which may be about them), and the order to end is not heard any more. */
void acceptor_leave(struct acceptor *a);
void acceptor_leave_for_offers(struct acceptor *a);

/* What an epoll event is about, for accept.c; listeners have their index. */
enum {
        ACCEPTOR_DOORBELL = -1,
        ACCEPTOR_LIFELINE = -2,
        ACCEPTOR_QUIT = -3,
        ACCEPTOR_KEPT = -4,
        ACCEPTOR_OFFERS = -5,
        ACCEPTOR_BELL = -6,
        ACCEPTOR_PARENT = -7,
        ACCEPTOR_SHELF = -8
};

/* The epoll of a wait. */
static inline int acceptor_epoll(const struct acceptor *a, bool rests) {
        return rests ? a->rest_fds[a->kept >= 0] : a->epoll_fd;
}

/* From now on this worker does not rest any more: the zygote is gone, or it is to end. */
void acceptor_forget_watchers(struct acceptor *a);

/* Has the kept connection heard in that epoll. 0 or -errno. */
int acceptor_hear_kept(struct acceptor *a, bool rests);
