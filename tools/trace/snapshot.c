/* SPDX-License-Identifier: MIT */
/*
 * A reading, put together from map entries. Pure but for memory. Names and stages come from traced processes and may be
 * nonsense of any kind: memory is taken only for what is there, and numbers are checked before they index anything.
 */

#include "snapshot.h"

#include <errno.h>
#include <string.h>

struct trace_snapshot *trace_snapshot_new(void) {
        return calloc(1, sizeof(struct trace_snapshot));
}

struct trace_snapshot *trace_snapshot_free(struct trace_snapshot *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_pools; i++)
                for (size_t k = 0; k < TRACE_STAGES; k++)
                        free(s->pools[i].hists[k]);
        free(s->pools);
        free(s);
        return NULL;
}

static int snapshot_pool(struct trace_snapshot *s, const char name[static TRACE_POOL_MAX], struct trace_pool **ret) {
        struct trace_pool *pools;
        size_t n = strnlen(name, TRACE_POOL_MAX - 1);

        /* Entries of one pool mostly come one after another. */
        for (size_t i = s->n_pools; i > 0; i--)
                if (strncmp(s->pools[i - 1].name, name, TRACE_POOL_MAX - 1) == 0) {
                        *ret = &s->pools[i - 1];
                        return 0;
                }

        pools = reallocarray(s->pools, s->n_pools + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        s->pools = pools;
        *ret = &pools[s->n_pools++];
        memset(*ret, 0, sizeof(**ret));
        memcpy((*ret)->name, name, n);
        return 0;
}

int trace_snapshot_add_count(struct trace_snapshot *s, const struct trace_count_key *key, uint64_t n) {
        struct trace_pool *p;
        int r;

        if (key->from >= TRACE_STAGES || key->to >= TRACE_STAGES) {
                s->lost.counts += n;
                return 0;
        }
        r = snapshot_pool(s, key->pool, &p);
        if (r < 0)
                return r;
        p->counts[key->from][key->to] += n;
        return 0;
}

int trace_snapshot_add_hist(struct trace_snapshot *s, const struct trace_hist_key *key, const struct trace_hist *h) {
        struct trace_pool *p;
        int r;

        if (key->stage >= TRACE_STAGES) {
                s->lost.samples += h->n;
                return 0;
        }
        r = snapshot_pool(s, key->pool, &p);
        if (r < 0)
                return r;
        if (!p->hists[key->stage]) {
                p->hists[key->stage] = malloc(sizeof(*h));
                if (!p->hists[key->stage])
                        return -ENOMEM;
        }
        *p->hists[key->stage] = *h;
        return 0;
}

static int snapshot_pool_compare(const void *a, const void *b) {
        return strcmp(((const struct trace_pool *)a)->name, ((const struct trace_pool *)b)->name);
}

void trace_snapshot_sort(struct trace_snapshot *s) {
        if (s->n_pools > 0)
                qsort(s->pools, s->n_pools, sizeof(*s->pools), snapshot_pool_compare);
}

static int snapshot_pool_compare_name(const void *name, const void *pool) {
        return strcmp(name, ((const struct trace_pool *)pool)->name);
}

const struct trace_pool *trace_snapshot_find(const struct trace_snapshot *s, const char *name) {
        if (s->n_pools == 0)
                return NULL;
        return bsearch(name, s->pools, s->n_pools, sizeof(*s->pools), snapshot_pool_compare_name);
}

uint64_t trace_snapshot_pool_entered(const struct trace_pool *p, uint32_t stage) {
        uint64_t n = 0;

        for (uint32_t from = 0; from < TRACE_STAGES; from++)
                n += p->counts[from][stage];
        return n;
}

uint64_t trace_snapshot_transitions(const struct trace_snapshot *s) {
        uint64_t n = 0;

        for (size_t i = 0; i < s->n_pools; i++)
                for (uint32_t to = 0; to < TRACE_STAGES; to++)
                        n += trace_snapshot_pool_entered(&s->pools[i], to);
        return n;
}
