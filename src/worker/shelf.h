/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker's shelf: connections between two requests that it keeps beside the one in hand. It hears them by an epoll of
 * their own, which is in those of its wait, and serves whichever has a request. The park has a descriptor of each, and
 * takes over what comes while the worker is busy: conn/claims.h.
 *
 * One of them may be in hand: it is the transport's then, and its place stays.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "conn/acceptor.h"
#include "conn/claims.h"

#define SHELF_AT_ONCE 16U /* connections that epoll tells of at once */

struct shelf_place {
        int fd; /* -1: empty */
        uint32_t serial;
        usec_t used; /* when it was last put back */
};

struct shelf {
        struct acceptor *acceptor;
        int intake;   /* the park's, or -1: there is no shelf */
        int epoll_fd; /* -1: nothing has been put on it yet */
        int channel;  /* to the park, likewise */
        struct claims_page *page;
        struct shelf_place places[CLAIMS_PLACES];
        unsigned n;     /* places that are not empty */
        unsigned n_max; /* of them, by the limit of descriptors */
        int in_hand;    /* the place whose connection the worker has in hand; -1: none */
        uint32_t serial;
        uint32_t turn;
        uint32_t n_claimed;       /* the page's, when it was last looked at */
        int ready[SHELF_AT_ONCE]; /* places of which epoll has told */
        unsigned n_ready, n_seen; /* how many, and how many of them have been looked at */
        usec_t told;              /* when the worker last looked at everything else */
        usec_t retry_at;          /* the park has refused a shelf: not before then again */
};

/* Nothing is on it, and nothing is made before something is. */
void shelf_init(struct shelf *s, struct acceptor *acceptor, int intake);

/* All goes to the park, but for the connection in hand, which has no place any more. */
void shelf_close(struct shelf *s);

/* In a process that PHP code has forked: lets go of everything, without a word. */
void shelf_forget(struct shelf *s);

/* Puts a connection on it, which has nothing in the worker's memory; it hears that, and fd is the shelf's. in_hand: the
 * worker goes on to serve it, and fd stays its own up to shelf_put_back(). 0; SHELF_E_REFUSED: all is as it was. */
enum { SHELF_E_REFUSED = 1 };
int shelf_put(struct shelf *s, int fd, bool in_hand, usec_t now);

/* The one in hand is idle again. */
void shelf_put_back(struct shelf *s, usec_t now);

/* The one in hand, if it has a place, gives it up: it is to be closed, or goes another way. */
void shelf_part(struct shelf *s);

/* Whether one may be ready without a wait for everything. */
bool shelf_is_promising(const struct shelf *s, usec_t now);

/* Takes one that is ready: its place; -1: there is none. It is in hand after shelf_hold(), which returns its
 * descriptor: by then another one is not any more. */
int shelf_next(struct shelf *s, usec_t now);
int shelf_hold(struct shelf *s, int place);

/* In place of shelf_hold(): it was taken in vain. */
void shelf_return(struct shelf *s, int place, usec_t now);

/* The worker waits for everything; it has waited; it begins with something that may take its time. */
void shelf_on_wait(struct shelf *s);
void shelf_on_waited(struct shelf *s, usec_t now);
void shelf_on_work(struct shelf *s);
