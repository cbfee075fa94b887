/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Connections on their way between workers and the pool's park: one SEQPACKET message for each, with the descriptor
 * attached, what has been read of a request, and what has not gone out of a reply. Neither side ever waits: what a
 * socket does not take stays with its sender.
 *
 * There are two pairs for each pool. The intake goes from all workers to the park, the offers from the park to
 * whichever worker is free. The master holds both pairs, so they outlive every park.
 *
 * Both ends belong to the pool's user, and PHP code may write into either: a message is checked as a peer's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define HANDOVER_BYTES_MAX 65536U /* of a request, and of a reply, that may come along */

enum {
        HANDOVER_KEEP = 1,    /* when the reply is out the connection waits for its next request; else it is closed */
        HANDOVER_LINGER = 2,  /* before it is closed, what its client still sends is read and thrown away */
        HANDOVER_BODY = 4,    /* its client may still be sending the answered request's body, and not read before */
        HANDOVER_DRAIN = 8,   /* before the reply goes, that body is received to its end and thrown away: see
                                 worker/exchange.c */
        HANDOVER_BEGUN = 16,  /* with DRAIN: the client has had the beginning of the reply */
        HANDOVER_SHARED = 32, /* others may have a descriptor of it that they are yet to close, so closing one is no end
                                 for its client: conn/claims.h */
        HANDOVER_SHELF = 64,  /* to the park: this is no connection, but the channel of a worker's shelf */
};

struct handover {
        uint32_t version;
        uint32_t flags;
        uint32_t skip;     /* bytes still to come that are the rest of a record nobody wants */
        uint32_t n_out;    /* bytes of the reply, behind this note */
        uint32_t n_in;     /* bytes from the start of a request on, behind those */
        uint32_t answered; /* with DRAIN: the request's id */
        usec_t begun;      /* when the client had its turn to send this request: for request_receive_timeout */
        usec_t whole;      /* of an offer: since when it has been waiting for a worker */
};

/* A pair for one direction, close-on-exec: ret[0] to receive from, ret[1] to send to. 0 or -errno. */
int handover_pair(int ret[static 2]);

/* What goes along with it. */
struct handover_content {
        int connection;
        const void *out; /* n_out bytes of the reply */
        const void *in;  /* n_in bytes of the request */
};

/* Sends a connection, whose descriptor stays the caller's. 0; HANDOVER_E_FULL (it would have to wait for room in the
 * socket); -ETOOMANYREFS, -ENOBUFS, -ENOMEM (it would have to wait for the kernel); other -errno (-EPIPE: nobody is
 * there). */
enum { HANDOVER_E_FULL = 1 };
int handover_send(int fd, const struct handover *note, const struct handover_content *content);

/* Takes one, its bytes into buf. 0 and the caller's *ret_fd (close-on-exec); HANDOVER_E_EMPTY; HANDOVER_E_END (no
 * sender is left); -EBADMSG (makes no sense, and is gone); -EMFILE (there was no room for the descriptor, and the
 * connection is gone); other -errno. */
enum { HANDOVER_E_EMPTY = 1, HANDOVER_E_END = 2 };
int handover_receive(int fd, struct handover *ret, uint8_t *buf, size_t size, int *ret_fd);
