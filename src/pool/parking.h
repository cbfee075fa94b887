/* SPDX-License-Identifier: MIT */
#pragma once
/* Which of its helpers a pool needs: a park while it is awake, or connections are handed over; one that refuses while
 * it cannot wake up. */

#include "pool/picture.h"

/* Sees to it that there is a park with the settings of the current generation, or of the one that starts; none where
 * the pool sleeps. When it is to be called again. */
usec_t parking_supervise(struct pool *p, usec_t now);

/* A process answers every request at the listeners of the generation that sleeps, and in the offers, with 503; until it
 * is told that the time for that is over. */
void parking_refuse(struct pool *p, usec_t now);
void parking_refuse_no_more(struct pool *p);
