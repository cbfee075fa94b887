/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a worker tells the world about its request: every stage change goes to its scoreboard slot and fires the probe
 * fpmd:request_stage, in this one place. A change costs stores and a clock from the vDSO, no system call; see cputime.h
 * for the exception.
 */

#include "base/time.h"
#include "scoreboard/slot.h"
#include "worker/cputime.h"

struct track {
        const char *pool;
        struct scoreboard *board;
        uint32_t i; /* its slot */
        struct scoreboard_slot *slot;
        uint32_t pid;
        enum stage stage;
        uint64_t request_id;   /* of this worker, from 1 */
        uint64_t request_nsec; /* CLOCK_MONOTONIC at its start */
        uint64_t nsec;         /* CLOCK_MONOTONIC when the stage was entered */
        struct cputime cpu;
};

/* The texts of a request, not terminated: as they lie in the decoded parameters. */
struct track_request {
        const char *method, *uri, *query;
        size_t n_method, n_uri, n_query;
        uint64_t content_length;
};

void track_init(struct track *t, const char *pool, struct scoreboard *board, uint32_t i);

/* Enters a stage; entering the one it is in does nothing. */
void track_stage(struct track *t, enum stage stage);

/* A connection was taken. */
void track_connection(struct track *t);

/* One that the park has offered, and that waited for a worker since then. */
void track_offer(struct track *t, usec_t since);

/* A request begins: its first bytes are there, since then (CLOCK_MONOTONIC). READING_HEADERS. */
void track_begin(struct track *t, uint64_t nsec);

/* The process's CPU clock when the request began, nsec. */
uint64_t track_cpu_begun(struct track *t);

/* The worker was woken, and it was for no request. */
void track_no_request(struct track *t);

/* The facts in a request's parameters; pointers go into those. */
struct fcgi_index;
void track_read(struct track_request *ret, const struct fcgi_index *params);

/* Its head is complete. INFO. waited: there was more to it than decoding bytes that were there, so the clock is read.
 */
void track_head(struct track *t, const struct track_request *request, bool waited);

/* Its script is about to run. EXECUTING. user may be NULL. */
void track_executing(struct track *t, const char *script, const char *user);

/* It is over, request shutdown included. FINISHED. */
void track_done(struct track *t, uint32_t status, uint64_t memory, uint64_t n_reply);

/* And the worker free for the next. ACCEPTING, at that same moment. */
void track_free(struct track *t);

/* What was taken for a request was none (a connection that closed without one). ACCEPTING; it does not count. */
void track_cancel(struct track *t);
