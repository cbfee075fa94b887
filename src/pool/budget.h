/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * pool.budget: the most workers of all pools of the service, but that each pool may always have one. Where it is used
 * up and a pool needs more, it claims them: claims stand in a queue, and what a worker's end sets free is the first
 * one's. For a claim, and for a first worker that was one too many, the pool that has the most idle workers gives one
 * up.
 *
 * Pure: no clock, no system call, no log.
 */

#include <stdbool.h>
#include <stddef.h>

struct pool;

/* A pool's; all zero before its first claim. */
struct budget_claim {
        struct budget_claim *prev, *next;
        struct pool *owner; /* for whoever looks at the queue */
        unsigned n;         /* workers; 0: it is not in the queue */
};

struct budget {
        unsigned limit;                    /* 0: none, and nobody claims */
        struct budget_claim *first, *last; /* in the order of asking */
};

/* How many more workers a pool may have, n_workers being those of all: what others have claimed before is theirs. */
unsigned budget_left(const struct budget *b, const struct budget_claim *claim, unsigned n_workers);

/* From now on the pool claims n; 0 takes it out of the queue. With another number it keeps its place. */
void budget_claim(struct budget *b, struct budget_claim *claim, unsigned n);

/* So many idle workers have to be told to end: of n_workers some (n_leaving) have been already. */
unsigned budget_missing(const struct budget *b, unsigned n_workers, unsigned n_leaving);

/* A pool in the eyes of others. */
struct budget_pool {
        unsigned n_workers; /* that are to stay */
        unsigned n_idle;    /* of these */
        bool keeps_one;     /* its last worker stays: with dynamic and static */
        bool claims;        /* it needs what it has */
};

/* Which one gives an idle worker up. False: nobody. */
bool budget_choose(const struct budget_pool *pools, size_t n, size_t *ret);
