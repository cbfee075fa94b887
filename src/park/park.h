/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The park's data: the connections of a pool that wait for their client. Each is in one state, and in that state's
 * list, in the order of time. A time-out is the same for all of a list, so the first is always the next that is due,
 * and hardly anything takes longer for more connections: only to find the place of a request that came here later than
 * it began.
 *
 * The park runs as the pool's user and is one thread that waits in one place, park_run().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "conf/model.h"
#include "conn/allow.h"
#include "conn/claims.h"
#include "conn/handover.h"
#include "fcgi/scan.h"
#include "park/states.h"
#include "scoreboard/layout.h"

/* A worker's shelf, see conn/claims.h: it belongs to the connection that is its channel. */
struct shelf_copy {
        struct claims_page *page; /* NULL: it has not come yet */
        struct connection *places[CLAIMS_PLACES];
        uint32_t turn;     /* the worker's, when it was last looked at */
        unsigned n_same;   /* in how many looks on end it was that one */
        unsigned n_rested; /* looks on end in which there was nothing to look at */
        bool crowded;      /* several had a request in the last one */
};

struct connection {
        struct connection *prev, *next;
        enum connection_state state;
        int fd;
        uint32_t watched; /* the epoll events it is registered with; 0: not */
        uint32_t flags;   /* HANDOVER_KEEP and so on: what becomes of it when the reply is out */
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
        int unsent;               /* of it, in the kernel, when that was last looked at */
        struct shelf_copy *shelf; /* SHELVED: where; SHELF, WATCHED: its own */
        uint32_t place, serial;   /* SHELVED */
        uint64_t waits;           /* SHELVED: its word when a request was last seen waiting, see claims_look() */
};

struct connection_list {
        struct connection *first, *last;
        size_t n;
};

/* What is logged once in a while, however often it happens. */
enum complaint {
        COMPLAINT_IDLE,
        COMPLAINT_SILENT,
        COMPLAINT_CONNECTIONS,
        COMPLAINT_BYTES,
        COMPLAINT_WATCH,
        COMPLAINT_LOST,
        COMPLAINT_LATE,
        COMPLAINT_LENGTH,
        COMPLAINT_ROOM,
        COMPLAINT_PAGE,
        _COMPLAINT_MAX
};

/* The pool's listeners, where the park keeps the queue of what waits for a worker. */
struct entrance {
        int *fds; /* -1: shut */
        size_t n;
        struct allow allow;
        usec_t due; /* they are looked at then, and not watched; 0: they are */
};

/* Of requests that wait, by queue.priority. */
enum park_class { PARK_CLASS_HIGH, PARK_CLASS_NORMAL, PARK_CLASS_LOW, _PARK_CLASS_MAX };

/* At most so much is unsent of a socket from which all has been taken: the kernel lets go of the last byte after it has
 * told of it. */
#define PARK_NONE_UNSENT 1

struct park {
        const struct conf_pool *pool;
        bool managed; /* conf_pool_limits_queue(): one request is offered at a time, and the others wait here */
        /* refuse_unstored() where it is managed, else NULL */
        bool (*refuse)(struct park *park, struct connection *c, const uint8_t *in, size_t n);
        struct entrance entrance;
        uint64_t turns[_PARK_CLASS_MAX]; /* see queue_pick() */
        _Atomic uint64_t *overload;      /* numbers by enum scoreboard_overload_number */
        _Atomic uint64_t *denied;        /* numbers by enum scoreboard_denied_number; NULL: not counted */
        struct scoreboard_park *numbers;
        struct scoreboard *scoreboard;     /* NULL: nobody is known to be idle; never of one that stands in */
        const volatile uint32_t *stopping; /* in shared memory: the pool ends, so no other park will follow */
        int epoll_fd;
        int intake; /* -1: no more come in */
        int offers;
        int orders; /* -1: the master is gone */
        int signal_fd;
        struct connection_list lists[_CONNECTION_STATE_MAX];
        size_t n;     /* all but those that are closed */
        size_t n_max; /* without shelves */
        size_t n_shelves_max;
        size_t n_bytes;
        bool offers_watched;
        usec_t look_at;   /* shelves are looked at then; 0: none is WATCHED */
        usec_t retry_at;  /* when the kernel, short of something, is asked again to take an offer; 0: not */
        bool retired;     /* another park takes over the intake */
        bool last;        /* nothing more can be sent to the intake: its end does not mean that all senders are gone */
        usec_t finish_at; /* the pool stops: receiving goes on until then; 0: it does not */
        usec_t fresh_at;  /* and until then for a client that has sent nothing yet; 0: that time is over */
        struct {          /* keeping.h: idle connections that are to outlive the pool's end */
                unsigned n_max; /* 0: none is */
                unsigned n_left;
                unsigned n_closed; /* that had to be all the same */
                int error;         /* of the channel to the master; 0: for want of room */
                bool waits;        /* for room in the channel to the master */
        } keep;
        usec_t now; /* of the events being dealt with */
        usec_t complained[_COMPLAINT_MAX];
        uint64_t n_silenced[_COMPLAINT_MAX];

        struct { /* standin.h */
                /* NULL: it does not stand in for workers; else what it takes in are offers */
                void (*answer)(struct park *park, struct connection *c, const uint8_t *in, size_t n);
                int *listeners;
                size_t n_listeners;
                bool ended; /* they are closed; an event of one may have come in the same turn */
                struct allow allow;
                struct scoreboard_park numbers;
                uint64_t n; /* requests */
        } standin;
        uint8_t buf[2 * HANDOVER_BYTES_MAX]; /* of the message, or the bytes, being dealt with */
};
