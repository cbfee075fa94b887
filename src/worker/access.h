/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The access log of a worker: one line for each request, written when the request is over, by one write that never waits. The descriptor is the
 * master's: a file opened for appending, or a socket connected to the journal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "base/time.h"
#include "conf/model.h"
#include "log/access.h"
#include "worker/track.h"

struct transport;

struct access {
        const struct conf_pool *pool;
        struct log_access_format *format; /* NULL: no access log */
        int fd;
        bool journal;
        bool cut; /* the last line lacks its end */
        pid_t pid, parent_pid;

        /* the request in hand */
        usec_t begun, begun_wall, user_cpu, system_cpu;
        bool collected;
        struct text kept;                 /* texts that end with PHP's request, each ended by a NUL */
        struct text looked_up;            /* as log_access_look_up() writes it */
        size_t script, uri, user, remote; /* in kept: offset + 1; 0: there is none */
};

/* fd: -1 when the pool has no access log; stays the caller's. 0; -ENOMEM; -EINVAL (the format was never checked). */
int access_init(struct access *a, const struct conf_pool *pool, int fd);

/* A request begins. */
void access_begin(struct access *a);

/* The reply has ended, and what PHP knows of the request will not last: copies what the log will show. Once for a request; later calls do nothing. */
void access_collect(struct access *a, const struct transport *t);

/* The request is over, its head still decoded: writes its line, unless access.suppress_path says otherwise. False: the log did not take it, or
 * not all of it. */
bool access_end(struct access *a, const struct transport *t, const struct track_request *request, uint32_t status,
                uint64_t memory);
