/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The connections of a pool that wait for their client: each is in one state, and in that state's list, in the order of
 * time. A time-out is the same for all of a list, so the first is always the next that is due, and hardly anything here
 * takes longer for more connections: finding the place of a request that has been on its way for longer than others in
 * the list.
 *
 *     intake -> idle, fresh, receiving -> waiting -> offers
 *            -> writing -> idle, fresh, receiving, waiting; or lingering, and closed
 *            -> draining -> writing
 *
 * The park runs as the pool's user and is one thread that waits in one place, lot_run().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conf/model.h"
#include "conn/park.h"
#include "fcgi/scan.h"
#include "scoreboard/layout.h"

enum guest_state {
        GUEST_IDLE,      /* between two requests */
        GUEST_FRESH,     /* its client has its turn, and nothing of a request has come yet */
        GUEST_RECEIVING, /* part of a request is there */
        GUEST_WAITING,   /* its request is to be offered, and the offers are full */
        GUEST_WRITING,   /* a reply goes out, before anything else */
        GUEST_DRAINING,  /* a reply is to go out, and the end of its request's body comes first */
        GUEST_LINGERING, /* nothing more is sent; what still comes is thrown away */
        GUEST_GONE,      /* closed, until no event can be about it any more */
        _GUEST_STATE_MAX,
};

struct guest {
        struct guest *prev, *next;
        enum guest_state state;
        int fd;
        uint32_t watched; /* the epoll events it is registered with; 0: not */
        uint32_t flags;   /* PARK_KEEP and so on: what becomes of it when the reply is out */
        uint32_t skip;    /* bytes still to come that nobody wants */
        uint64_t drained; /* bytes of the answered request's body that were thrown away */
        usec_t arrived;   /* here */
        usec_t since;     /* in this list, or since the client last did something in it */
        usec_t begun;     /* when its client could begin to send this request; 0: it has not begun */
        struct fcgi_scan scan;
        uint8_t *in;
        size_t n_in, size_in;
        uint8_t *out;
        size_t n_out, n_sent;
        int unsent; /* of it, in the kernel, when that was last looked at */
};

/* The client is to send a request, which request_receive_timeout is for where it is set: then these lists are in the
 * order of their begin. */
static inline bool guest_has_turn(enum guest_state state) {
        return state == GUEST_FRESH || state == GUEST_RECEIVING;
}

struct lot_list {
        struct guest *first, *last;
        size_t n;
};

/* An answer does not wait for the end of a body beyond so many bytes. */
#define GUEST_DRAIN_MAX (1024ULL * 1024 * 1024)

/* What is logged once in a while, however often it happens. */
enum lot_complaint {
        LOT_COMPLAINT_IDLE,
        LOT_COMPLAINT_CONNECTIONS,
        LOT_COMPLAINT_BYTES,
        LOT_COMPLAINT_WATCH,
        _LOT_COMPLAINT_MAX
};

struct lot {
        const struct conf_pool *pool;
        struct scoreboard_park *numbers;
        const volatile uint32_t *stopping; /* in shared memory: the pool ends, so no other park will follow */
        int epoll_fd;
        int intake; /* -1: no more come in */
        int offers;
        int orders; /* -1: the master is gone */
        int signal_fd;
        struct lot_list lists[_GUEST_STATE_MAX];
        size_t n; /* all but those that are gone */
        size_t n_max;
        size_t n_bytes;
        bool offers_watched;
        usec_t retry_at;  /* when the kernel, short of something, is asked again to take an offer; 0: not */
        bool retired;     /* another park takes over the intake */
        bool last;        /* nothing more can be sent to the intake: its end does not mean that all senders are gone */
        usec_t finish_at; /* the pool stops: receiving goes on until then; 0: it does not */
        usec_t fresh_at;  /* and until then for who has connected and not sent anything yet; 0: that time is over */
        usec_t now;       /* of the events being dealt with */
        usec_t complained[_LOT_COMPLAINT_MAX];
        uint64_t n_silenced[_LOT_COMPLAINT_MAX];
        uint8_t buf[2 * PARK_BYTES_MAX]; /* of the message, or the bytes, being dealt with */
};

/* lot.c */
int lot_init(struct lot *lot);
/* Until there is nothing left to do. 0 or -errno. */
int lot_run(struct lot *lot);
/* The pool stops. */
void lot_finish(struct lot *lot);

/* guest.c: one connection. */
/* The connection that a message is about, its bytes in lot->buf. Takes over fd. */
void guest_arrive(struct lot *lot, const struct park_note *note, int fd);
void guest_on_event(struct lot *lot, struct guest *g);
/* Into a list, behind those that are due before it. */
void guest_enter(struct lot *lot, struct guest *g, enum guest_state state);
/* DRAINING is over: the reply goes. */
void guest_release(struct lot *lot, struct guest *g);
/* Closes it, and frees it as soon as that is safe. */
void guest_close(struct lot *lot, struct guest *g);
/* Waits for these events, or (0) for none any more. The caller's last word about g, unless it is for none: one that
 * cannot be watched is closed. */
void guest_watch(struct lot *lot, struct guest *g, uint32_t events);
/* Keeps n bytes of a request behind those that are there. False: g had to be closed. */
bool guest_store(struct lot *lot, struct guest *g, const uint8_t *data, size_t n);

/* offers.c */
/* To whichever worker is free: at once, or in its turn. in, n: its request. */
void offers_add(struct lot *lot, struct guest *g, const uint8_t *in, size_t n);
/* The socket has room again. */
void offers_go_on(struct lot *lot);

/* limits.c */
/* Room for one more connection; false: there is none, for this one. fd: for the log. */
bool limits_admit(struct lot *lot, int fd);
/* Room for n more bytes of g; false: g itself had to go. */
bool limits_reserve(struct lot *lot, struct guest *g, size_t n);
/* The kernel does not watch g, by its limit (fs.epoll.max_user_watches) or for want of memory: it is closed. */
void limits_give_up_unwatched(struct lot *lot, struct guest *g, int error);
/* Closes what is overdue. When the next one is due. */
usec_t limits_enforce(struct lot *lot);
