/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker's connection, and the exchange on it: THE tables of their phases, and of what each allows. An exchange is
 * one request with its reply; a connection has one after the other.
 */

#include <stdbool.h>

/*   phase   receives  sends  keeps  quiet */
#define PHASES_CONNECTION(X)                                                                                           \
        X(OPEN, true, true, true, false)      /* as it was opened */                                                   \
        X(LAST, true, true, false, false)     /* it is closed after this exchange, or the park has it */               \
        X(HALF, false, true, false, true)     /* its peer has closed its sending side */                               \
        X(BROKEN, false, false, false, false) /* an error, or a violation of the protocol */                           \
        X(SILENT, false, false, false, true)  /* its peer let the worker wait for too long */                          \
        X(GONE, false, false, false, true)    /* broken, its peer having closed its side */

/* receives: what is not in the buffer yet may come. sends: the reply may go on. keeps: it may wait for its next
 * request. quiet: its peer sends nothing any more, or is not listened to, so that it is closed without waiting for
 * that. */
struct phases_connection_row {
        bool receives, sends, keeps, quiet;
};

enum phases_connection {
#define X(phase, receives, sends, keeps, quiet) CONNECTION_##phase,
        PHASES_CONNECTION(X)
#undef X
                _CONNECTION_PHASE_MAX
};

/* What may befall it. */
enum phases_event {
        PHASES_EVENT_CLOSE,   /* it is to be closed after this exchange */
        PHASES_EVENT_END,     /* its peer has closed its sending side */
        PHASES_EVENT_FAILURE, /* an error, or a violation */
        PHASES_EVENT_SILENCE, /* its peer let the worker wait for too long */
        _PHASES_EVENT_MAX
};

/* What becomes of a request's body that comes by itself, while PHP does not read it. */
enum phases_body {
        PHASES_BODY_KEEP,  /* it is kept for PHP */
        PHASES_BODY_LEAVE, /* it stays where it is, with the client in the end */
        PHASES_BODY_DROP,  /* it is thrown away */
};

/*   phase     replies  body */
#define PHASES_EXCHANGE(X)                                                                                             \
        X(OPEN, true, KEEP)     /* the request is in hand, and its reply being made */                                 \
        X(FULL, true, LEAVE)    /* the same, and no more of its body can be kept, or is wanted */                      \
        X(REPLIED, false, DROP) /* END_REQUEST has been made; PHP may go on */

struct phases_exchange_row {
        bool replies; /* PHP's output and its reads of the body are for the client */
        enum phases_body body;
};

enum phases_exchange {
#define X(phase, replies, body) EXCHANGE_##phase,
        PHASES_EXCHANGE(X)
#undef X
                _EXCHANGE_PHASE_MAX
};

extern const struct phases_connection_row phases_connection_rows[_CONNECTION_PHASE_MAX];
extern const struct phases_exchange_row phases_exchange_rows[_EXCHANGE_PHASE_MAX];

/* The connection's phase after an event. It never gets better. */
enum phases_connection phases_after(enum phases_connection phase, enum phases_event event);
