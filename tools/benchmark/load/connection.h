/* SPDX-License-Identifier: MIT */
#pragma once
/* One client connection and the request that is on its way there: opened, sent, read and judged without ever blocking.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "chaos.h"
#include "fcgi/client.h"
#include "http.h"
#include "reply.h"
#include "request.h"
#include "retry.h"

/* What all connections of a run share. */
struct load_channel {
        const struct addr *target;
        enum load_protocol protocol;
        bool no_delay;
        bool waits_for_room; /* a request is sent when its new connection is told to be writable, not at once */
        int epoll;
        uint64_t timeout; /* ns for one request */
        uint8_t *buffer;  /* to read into */
        size_t n_buffer;
        uint64_t next_wake; /* ns: no connection pauses for less long than until then */
        uint64_t n_opened;
        uint64_t began; /* ns */
        struct load_retries retries;
};

struct load_job {
        uint64_t number;
        uint64_t due;         /* ns: when it was to be sent */
        const uint8_t *bytes; /* of somebody who keeps them until the job is done */
        size_t n;
        bool keep;
        struct load_expect expect;
        struct load_plan plan;
};

/* Zero-initialised but for fd = -1. */
struct load_connection {
        int fd;
        uint64_t number;
        bool busy;
        bool retried;
        bool send_broken;
        bool hung_up;              /* the server will send no more than has come */
        uint32_t watched;          /* events that epoll tells of */
        enum load_outcome outcome; /* of the last job */
        uint64_t n_on_socket;      /* requests that this socket has carried */
        uint64_t n_replies;
        uint64_t wake;     /* ns: it pauses until then; 0: it does not */
        uint64_t deadline; /* ns */
        size_t n_sent;
        uint64_t n_received;
        uint64_t began; /* ns: this job */
        uint64_t ended; /* ns: the one before */
        struct load_job job;
        struct load_retry_request before;
        struct fcgi_client client;
        struct load_http http;
        struct load_reply reply;
};

void load_connection_done(struct load_connection *c);

/* Takes a job to a connection that is not busy, and begins. True when it is done already: outcome says how. */
bool load_connection_begin(struct load_connection *c, struct load_channel *ch, const struct load_job *job,
                           uint64_t now);

/* Goes on after an event, or after a pause (events: 0). True when the job is done. */
bool load_connection_go(struct load_connection *c, struct load_channel *ch, uint32_t events, uint64_t now);

/* Gives the job up. */
void load_connection_give_up(struct load_connection *c, enum load_outcome outcome);

/* An event on a connection that has no job: closes it if the server has. */
void load_connection_look(struct load_connection *c);
