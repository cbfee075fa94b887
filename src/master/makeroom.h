/* SPDX-License-Identifier: MIT */
#pragma once
/* Acts on pool/budget.h: pools give up workers for others, where pool.budget is used up. */

#include "master/state.h"

/* The limit of a configuration that is to hold. */
void makeroom_set(struct master *m, const struct conf *conf);

/* A pool has changed: what it claims is seen to, and whose claim can be met looks again. */
void makeroom_on_change(struct master *m, const struct pool *changed);

int makeroom_attach(struct master *m);
void makeroom_detach(struct master *m);
