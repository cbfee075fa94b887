/* SPDX-License-Identifier: MIT */
#pragma once
/* A connection that is on a worker's shelf, and of which the park has a descriptor beside: taking it over. */

#include "park/park.h"

/* Its place and word, for conn/claims.h. */
struct claims_at shelved_at(const struct connection *c);

/* It is the park's, whose worker gives it or is gone: IDLE, and not watched yet. */
void shelved_take(struct park *park, struct connection *c);

/* The same, if the worker is not serving it. False: it is as it was. */
bool shelved_claim(struct park *park, struct connection *c);

/* The one that has been there for the longest time, as far as is known here, taken from the shelf; NULL: there is none
 * that is not being served, near the front of the list. */
struct connection *shelved_claim_oldest(struct park *park);

/* Its time seems to be over. True: it is, and it has been taken from the shelf, to be closed. False: it has been served
 * since, or its worker has closed it, and so has the park. */
bool shelved_is_due(struct park *park, struct connection *c);
