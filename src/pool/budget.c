/* SPDX-License-Identifier: MIT */
#include "pool/budget.h"

#include "base/macros.h"

static void budget_leave(struct budget *b, struct budget_claim *claim) {
        *(claim->prev ? &claim->prev->next : &b->first) = claim->next;
        *(claim->next ? &claim->next->prev : &b->last) = claim->prev;
        claim->prev = claim->next = NULL;
}

static void budget_enter(struct budget *b, struct budget_claim *claim) {
        claim->prev = b->last;
        *(b->last ? &b->last->next : &b->first) = claim;
        b->last = claim;
}

unsigned budget_left(const struct budget *b, const struct budget_claim *claim, unsigned n_workers) {
        unsigned left = b->limit > n_workers ? b->limit - n_workers : 0;

        for (const struct budget_claim *c = b->first; c && c != claim; c = c->next)
                left -= MIN(left, c->n);
        return left;
}

void budget_claim(struct budget *b, struct budget_claim *claim, unsigned n) {
        if (claim->n == 0 && n > 0)
                budget_enter(b, claim);
        else if (claim->n > 0 && n == 0)
                budget_leave(b, claim);
        claim->n = n;
}

unsigned budget_missing(const struct budget *b, unsigned n_workers, unsigned n_leaving) {
        unsigned staying = n_workers - MIN(n_leaving, n_workers), left = b->limit > staying ? b->limit - staying : 0;
        unsigned n = staying > b->limit ? staying - b->limit : 0;

        if (b->limit == 0)
                return 0;
        for (const struct budget_claim *c = b->first; c; c = c->next)
                n += MIN(c->n, b->limit);
        return n - MIN(n, left);
}

/* Idle workers that it can do without. */
static unsigned budget_spare(const struct budget_pool *p) {
        if (p->claims || p->n_workers <= p->keeps_one)
                return 0;
        return MIN(p->n_idle, p->n_workers - p->keeps_one);
}

/* The pool with the most idle ones, of several the one with the most workers, of several the first. */
bool budget_choose(const struct budget_pool *pools, size_t n, size_t *ret) {
        unsigned most = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned spare = budget_spare(&pools[i]);

                if (spare == 0 || spare < most || (spare == most && pools[i].n_workers <= pools[*ret].n_workers))
                        continue;
                most = spare;
                *ret = i;
        }
        return most > 0;
}
