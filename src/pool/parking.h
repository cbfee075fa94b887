/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which of its helpers a pool needs. A park, where there is something to hold: with the first connection that is handed
 * over in a pool that may sleep; in others, and where the park keeps the queue, from the start. One that refuses, while
 * the pool cannot wake up.
 */

#include "pool/picture.h"

/* Sees to it that there is a park with the settings of the current generation, or of the one that starts; none where
 * the pool sleeps. When it is to be called again. */
usec_t parking_supervise(struct pool *p, usec_t now);

/* True when a request from the park waits for a worker: whatever the park's numbers say, which are those of the moment
 * before. */
bool parking_has_offers(const struct parks *parks);

/* The pool stops: what has been handed over to a park that is not there yet gets one. Before parks_stop(). */
void parking_take_last(struct pool *p, usec_t now);

/* A process answers every request at the listeners of the generation, and in the offers, with 503; until it is told
 * that the time for that is over. Where the pool stops, only in the offers, up to their end. */
void parking_refuse(struct pool *p, struct generation *settings, usec_t now);
bool parking_refuses(const struct pool *p);
void parking_refuse_no_more(struct pool *p);
