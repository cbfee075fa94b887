/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The states of a connection in the park, and what each means for it: THE list.
 *
 *     intake, entrance -> idle, fresh, receiving -> waiting, check -> offers
 *                      -> waiting, where the pool limits that -> writing
 *            -> writing -> idle, fresh, receiving, waiting; or lingering, and closed
 *            -> draining -> writing
 *     a shelf  -> shelved -> idle
 *     at the end of the pool: idle, fresh -> leaving -> the fd store
 */

#include <stdbool.h>

/* Which time-out ends a state. */
enum states_clock {
        STATES_CLOCK_NONE,
        STATES_CLOCK_PAUSE,   /* between two requests: park.idle_timeout */
        STATES_CLOCK_FIRST,   /* the first byte: park.first_byte_timeout, or request_receive_timeout if that is less */
        STATES_CLOCK_REQUEST, /* the rest of a request: request_receive_timeout, else park.rest_timeout */
        STATES_CLOCK_REPLY,   /* the client is to read its reply: park.idle_timeout for each part of it */
        STATES_CLOCK_QUEUE,   /* for a worker: queue.max_wait */
        STATES_CLOCK_REST,    /* bytes that are thrown away: a short time for each part of them */
};

/* What an event of its descriptor is for. */
enum states_event {
        STATES_EVENT_NONE,
        STATES_EVENT_RECEIVE,
        STATES_EVENT_WRITE,
        STATES_EVENT_DRAIN,
        STATES_EVENT_DISCARD,
        STATES_EVENT_HANGUP,
        STATES_EVENT_SHELF
};

/*   state      clock    event    wants a worker   what it is */
#define CONNECTION_STATES(X)                                                                                           \
        X(IDLE, PAUSE, RECEIVE, true)        /* between two requests */                                                \
        X(FRESH, FIRST, RECEIVE, true)       /* its client may send a request, and nothing of it has come yet */       \
        X(SHELVED, PAUSE, NONE, true)        /* the same, and a worker has it, who may be serving it */                \
        X(RECEIVING, REQUEST, RECEIVE, true) /* part of a request is there */                                          \
        X(WAITING, QUEUE, HANGUP, true)      /* its request is to be offered, and the offers are full */               \
        X(HIGH, QUEUE, HANGUP, true)         /* the same of queue.priority[high] */                                    \
        X(LOW, QUEUE, HANGUP, true)          /* and of queue.priority[low] */                                          \
        X(CHECK, NONE, NONE, true)           /* the same of ping and status, and of what is no request yet */          \
        X(WRITING, REPLY, WRITE, false)      /* a reply goes out, before anything else */                              \
        X(DRAINING, REST, DRAIN, false)      /* a reply is to go out, and the end of its request's body comes first */ \
        X(LINGERING, REST, DISCARD, false)   /* nothing more is sent; what still comes is thrown away */               \
        X(LEAVING, NONE, NONE, false)        /* between two requests; the pool stops, and the master is given it */    \
        X(SHELF, NONE, SHELF, false)         /* no connection but the channel of a worker's shelf */                   \
        X(WATCHED, NONE, SHELF, false)       /* the same, and what is shelved there is looked at */                    \
        X(CLOSED, NONE, NONE, false)         /* until no event can be about it any more */

enum connection_state {
#define X(state, clock, event, worker) CONNECTION_##state,
        CONNECTION_STATES(X)
#undef X
                _CONNECTION_STATE_MAX
};

enum states_clock states_clock(enum connection_state state);
enum states_event states_event(enum connection_state state);
/* Its next request is all that it is kept for: without workers there is no use for it. */
bool states_wants_worker(enum connection_state state);
