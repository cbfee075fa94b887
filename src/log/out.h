/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One receiver of a log's entries, and what becomes of an entry that it does not take at once: who writes decides
 * that for its process (log_out_init()).
 *
 *     a worker, a logger      waits, as every program that writes to a pipe does
 *     the master, a park      keeps it in a queue, which log_out_flush() sends in order
 *
 * A receiver that takes nothing for the time of log_timeout costs entries: they are counted by their log, and
 * whoever reads the counters says so.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/time.h"

/* THE table of logs, whose losses are counted apart (ABI of the scoreboard: append).
 *   symbol  name in messages and metrics */
#define LOG_KINDS(X)                                                                                                   \
        X(ERROR, "error_log")                                                                                          \
        X(ACCESS, "access.log")                                                                                        \
        X(SLOW, "slowlog")                                                                                             \
        X(OUTPUT, "workers' output")

enum log_kind {
#define X(symbol, name) LOG_KIND_##symbol,
        LOG_KINDS(X)
#undef X
                _LOG_KIND_MAX,
};

const char *log_out_kind_name(enum log_kind kind);

struct log_queued;

struct log_out {
        int fd; /* -1: none */
        enum log_kind kind;
        _Atomic uint64_t *lost; /* counts its losses; NULL: the counter of log_out_init() does */
        bool journal;           /* entries are datagrams */
        bool syslog;            /* of syslog's own protocol */
        bool cut;               /* its last line lacks its end: the next one begins with a newline */
        bool stuck;             /* it has been waited for in vain, and has taken nothing since */
        int unread;             /* bytes that were there for its reader then; -1: nobody has looked */

        /* the lock of a pipe */
        int looked_at; /* the descriptor that is_pipe is about */
        bool is_pipe, locked;
        usec_t refused_since; /* another process has it; 0: it was had the last time */

        /* what waits */
        struct log_queued *first, *last;
        size_t n_bytes;
        struct log_out *next; /* of those where something waits */
};

/* What this process does about receivers that take nothing. patience: how long it waits for one that takes nothing
 * at all; 0: it does not wait. queue: how many bytes of each receiver's may wait in memory instead. lost:
 * _LOG_KIND_MAX counters, of this process or shared; NULL: its own. Never called: no waiting, no queue. */
void log_out_init(usec_t patience, size_t queue, _Atomic uint64_t *lost);

/* Entries of this process that were lost, all logs together; a fork begins with its parent's. */
uint64_t log_out_lost(void);

/* One entry is lost of a log that never came to a receiver. */
void log_out_lose(enum log_kind kind);

/* Gives the entry to the receiver, or to its queue. 0: it is written, or will be; -EAGAIN: it is lost, or the end of
 * it is, and counted. */
int log_out_write(struct log_out *o, const char *data, size_t n);

/* The same for a signal handler, which cannot wait for long. */
int log_out_write_last(struct log_out *o, const char *data, size_t n);

/* In a fresh fork: what waits is its parent's to send. */
void log_out_forked(void);

/* How often who does not wait tries to send what is queued: a receiver may be something that epoll(7) does not take. */
#define LOG_OUT_PERIOD (10 * USEC_PER_MSEC)

bool log_out_is_waiting(void);

/* Sends what waits, as far as it goes without waiting. True: something is left. */
bool log_out_flush(void);

/* The last of a process: does so, and waits for receivers that go on taking something. What is left after the patience,
 * or at most after limit, is lost and counted. Nothing is queued from then on. */
void log_out_finish(usec_t patience, usec_t limit);

/* What waits goes to another descriptor from now on; -1: it is lost and counted. */
void log_out_change(struct log_out *o, int fd);

/* The same descriptor is another receiver. */
void log_out_renew(struct log_out *o);
