/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which of two processes has a kept connection that both hold a descriptor of: its worker, which serves it as long as
 * it has the time, or the park, which takes over what waits for a worker that is busy.
 *
 * A worker has a shelf of places for such connections: a page of memory and a channel, both shared with the park alone.
 * Each place has a word, and one compare-and-swap on it decides: nobody reads a byte of a request before it has taken
 * the connection. ARCHITECTURE.md has the states. The worker sends the park a descriptor of each connection once, and
 * says when it is gone; that the worker itself is gone the park hears from the channel's end.
 *
 * The page and the channel are the worker's, and PHP code may write anything there: the park checks each value as a
 * peer's. Nonsense loses connections of that worker.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define CLAIMS_PLACES 64U

enum claims_state {
        CLAIMS_FREE,  /* the place is empty, or another connection's */
        CLAIMS_IDLE,  /* the worker's, between two requests: whoever is first may take it */
        CLAIMS_BUSY,  /* the worker has taken it */
        CLAIMS_PARKED /* the park has, and the worker's descriptor is to be closed */
};

struct claims_page {
        _Atomic uint64_t words[CLAIMS_PLACES]; /* serial << 32 | times put back << 2 | enum claims_state */
        _Atomic uint64_t since[CLAIMS_PLACES]; /* usec, CLOCK_MONOTONIC: when it was put back */
        _Atomic uint32_t turn;                 /* the worker's: odd while it is busy, another one for each request */
        _Atomic uint32_t watched;              /* the park's: it looks after this shelf by itself */
        _Atomic uint32_t n_claimed;            /* the park's: how many it has taken */
};

/* A place, and the connection that is meant: places are used again, with another serial number. */
struct claims_at {
        struct claims_page *page;
        uint32_t place;
        uint32_t serial;
};

/* A page, and the descriptor for the other side, sealed. 0 or -errno. */
int claims_new(struct claims_page **ret, int *ret_fd);

/* The same memory on the other side. 0, or -errno (-EBADMSG: it could shrink, or is none). fd stays the caller's. */
int claims_map(int fd, struct claims_page **ret);
void claims_unmap(struct claims_page *page);

/* The worker's steps. It begins with a connection that it serves (BUSY) or not (IDLE); puts back what it has taken;
 * takes, unless the park has; or gives the place up. */
void claims_begin(const struct claims_at *at, enum claims_state state, usec_t now);
void claims_put_back(const struct claims_at *at, usec_t now);
bool claims_take(const struct claims_at *at);
void claims_end(const struct claims_at *at);

/* The worker's, before it says that it gives one to the park, unless the park has it already. When that cannot be said
 * it is put back. */
bool claims_give(const struct claims_at *at);

/* The park's, unless the worker has it. */
bool claims_claim(const struct claims_at *at);

/* As it is at the moment. *ret_word is another one for each time that it was put back. */
enum claims_state claims_look(const struct claims_at *at, uint64_t *ret_word);

/* The worker waits from now on; or begins with something (turn: the number before, which is counted on). True: the park
 * does not look after its shelf, and is to be rung. */
void claims_wait(struct claims_page *page, uint32_t *turn);
bool claims_work(struct claims_page *page, uint32_t *turn);

/* Messages of the channel, from worker to park. */
enum claims_kind {
        CLAIMS_NOTE_PAGE,   /* the first: the page's descriptor comes along */
        CLAIMS_NOTE_SHELVE, /* a connection's */
        CLAIMS_NOTE_GONE,   /* the worker has it no more, or has handed it over otherwise */
        CLAIMS_NOTE_GIVE,   /* it is the park's */
        CLAIMS_NOTE_RING,   /* the worker begins with something while others are on its shelf */
        _CLAIMS_NOTE_MAX
};

struct claims_note {
        uint32_t version;
        uint32_t kind;
        uint32_t place;
        uint32_t serial;
};

/* fd: comes along, and stays the caller's; -1: none. 0; CLAIMS_E_FULL (no room); -errno. */
enum { CLAIMS_E_FULL = 1 };
int claims_send(int channel, enum claims_kind kind, const struct claims_at *at, int fd);

/* 0, the note and the caller's *ret_fd, -1 where the kind has none; CLAIMS_E_EMPTY; CLAIMS_E_GONE; -EBADMSG (makes no
 * sense, and is gone); other -errno. */
enum { CLAIMS_E_EMPTY = 1, CLAIMS_E_GONE = 2 };
int claims_receive(int channel, struct claims_note *ret, int *ret_fd);
