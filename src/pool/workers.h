/* SPDX-License-Identifier: MIT */
#pragma once
/* The table of a pool's workers (pool->workers): orders to fork, and what becomes of them. */

#include "pool/picture.h"

/* Orders to fork so many, as far as there are slots. */
void workers_order(struct generation *g, unsigned n);

/* A worker for a generation that has none that stays. */
void workers_provide(struct generation *g);

/* The zygote has told of a worker that it was asked for. */
void workers_answered(struct generation *g);

/* The first workers of a generation are what there is, since it cannot have more; why: in words, when there is none. */
void workers_make_do(struct generation *g, const char *why);

/* A worker's process has ended. status as of waitpid(2), unless that is not known. */
void workers_exited(struct pool *p, uint32_t slot, int status, bool status_known);

/* A worker has left its slot, whatever its state was. */
void workers_release(struct pool *p, uint32_t slot);
