/* SPDX-License-Identifier: MIT */
/*
 * A request's parameters are checked, looked at for what the worker itself wants to know, and asked for by PHP; most
 * requests look at a dozen of some twenty. So the walk that checks the block leaves a table behind. A pair goes in
 * front of its bucket unseen, so that filling takes no longer when a client has chosen the names, and the last of a
 * name is found first. That a name comes twice is seen when all are asked for.
 *
 * Strings need an end, and between name and value there is no room for it. But once the table is there nobody needs the
 * lengths in front of a pair: the value's end goes over the first of the next pair's, and the name moves by one byte,
 * over the last of its own. There are two at least, so neither meets the other.
 */

#include "fcgi/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/params.h"

#define INDEX_SIZE_MIN  64U
#define INDEX_SIZE_KEPT 1024U

static int index_grow(struct fcgi_index *x) {
        size_t size = MAX(x->size * 2, (size_t)INDEX_SIZE_MIN);
        struct fcgi_index_entry *entries = realloc(x->entries, size * sizeof(*entries));

        if (!entries)
                return -ENOMEM;
        x->entries = entries;
        x->size = size;
        return 0;
}

static int index_add(struct fcgi_index *x, const struct fcgi_pair *pair) {
        uint32_t bucket = fcgi_index_bucket(pair->name, pair->n_name);
        struct fcgi_index_entry *e;

        if (x->n == x->size && index_grow(x) < 0)
                return -ENOMEM;
        e = &x->entries[x->n++];
        e->name = (char *)pair->name;
        e->value = (char *)pair->value;
        e->n_name = (uint32_t)pair->n_name;
        e->n_value = (uint32_t)pair->n_value;
        e->older = x->buckets[bucket];
        e->bucket = bucket;
        x->buckets[bucket] = (uint32_t)x->n;
        return 0;
}

int fcgi_index_read(struct fcgi_index *x, uint8_t *block, size_t n) {
        struct fcgi_pair pair;
        size_t pos = 0;
        int r;

        fcgi_index_clear(x);
        while ((r = fcgi_params_next(block, n, &pos, &pair)) == 1) {
                r = index_add(x, &pair);
                if (r < 0)
                        break;
        }
        if (r != 0)
                fcgi_index_clear(x);
        return r;
}

void fcgi_index_clear(struct fcgi_index *x) {
        if (x->size > INDEX_SIZE_KEPT) {
                free(TAKE_PTR(x->entries));
                x->size = 0;
        }
        if (x->n > 0)
                memset(x->buckets, 0, sizeof(x->buckets));
        x->n = 0;
}

void fcgi_index_done(struct fcgi_index *x) {
        free(x->entries);
        *x = (struct fcgi_index){};
}

static inline struct fcgi_index_entry *index_search(const struct fcgi_index *x, uint32_t newest, const char *name,
                                                    size_t n) {
        for (uint32_t i = newest; i > 0; i = x->entries[i - 1].older) {
                struct fcgi_index_entry *e = &x->entries[i - 1];

                if (e->n_name == n && memcmp(e->name, name, n) == 0)
                        return e;
        }
        return NULL;
}

struct fcgi_index_entry *fcgi_index_find_in(const struct fcgi_index *x, uint32_t bucket, const char *name, size_t n) {
        return index_search(x, x->buckets[bucket], name, n);
}

struct fcgi_index_entry *fcgi_index_at(const struct fcgi_index *x, size_t i) {
        struct fcgi_index_entry *e = &x->entries[i];

        if (index_search(x, e->older, e->name, e->n_name))
                return NULL;
        if (x->buckets[e->bucket] == i + 1)
                return e;
        return index_search(x, x->buckets[e->bucket], e->name, e->n_name);
}

void fcgi_index_end(struct fcgi_index_entry *e) {
        if (e->name + e->n_name == e->value) {
                e->name--;
                memmove(e->name, e->name + 1, e->n_name);
                e->name[e->n_name] = '\0';
        }
        (void)fcgi_index_value(e);
}
