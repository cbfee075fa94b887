/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The access log of a worker: one line for each request. It is written before the end of the reply is sent, so a client
 * that has the reply finds the line, the lines of one client are in order, and no stop, reload or recycling comes in
 * between. Only a request that ended its reply early, fastcgi_finish_request(), has its line when it is over; one that
 * is ended by SIGTERM before that has it at that moment. The descriptor is the master's: a file opened for appending,
 * or a socket connected to the journal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "base/time.h"
#include "conf/model.h"
#include "fcgi/index.h"
#include "log/access.h"
#include "log/out.h"
#include "worker/track.h"

/* Where a request can be looked up: its parameters, and its connection. */
struct access_source {
        const struct fcgi_index *params; /* NULL: its head has not come */
        int fd;
        const char
                *page; /* the reply without PHP: its headers, each with its line's end, then an empty line; or NULL */
};

struct access {
        const struct conf_pool *pool;
        struct log_access_format *format; /* NULL: no access log */
        struct log_out out;
        pid_t pid, parent_pid;

        /* the request in hand */
        usec_t begun, begun_wall, user_cpu, system_cpu;
        bool collected, written;
        const struct track_request *request;
        struct access_source source;
        struct text last; /* what is to be said when the process is ended: the reply has gone, and PHP goes on */
        volatile bool has_last;
        volatile bool writes;             /* its line is on its way out */
        struct text kept;                 /* texts that end with PHP's request, each ended by a NUL */
        struct text looked_up;            /* as log_access_look_up() writes it */
        size_t script, uri, user, remote; /* in kept: offset + 1; 0: there is none */
};

/* fd: -1 when the pool has no access log; stays the caller's. 0; -ENOMEM; -EINVAL (the format was never checked). */
int access_init(struct access *a, const struct conf_pool *pool, int fd);

/* A request begins. */
void access_begin(struct access *a);

/* Its head is known. Lives up to the request's end. */
void access_head(struct access *a, const struct track_request *request, const struct access_source *source);

/* The reply has ended, and what PHP knows of the request will not last: copies what the log will show. Once for a
 * request; later calls do nothing. */
void access_collect(struct access *a);

/* The request is answered by a page of the pool's own, this CGI reply: notes what access_collect() does. */
void access_page(struct access *a, const char *reply);

/* The request is over but for the end of its reply, its head still decoded: writes its line, unless
 * access.suppress_path says otherwise. Once for a request; later calls do nothing. */
void access_end(struct access *a, uint32_t status, uint64_t memory);

/* The process is being ended: the line of a request whose reply has ended already. For a signal handler. */
void access_last_words(struct access *a);

/* The reply is about to end. PHP goes on, or the request is over. */
void access_reply_ends(struct access *a, bool php_goes_on);
