/* SPDX-License-Identifier: MIT */
/*
 * A request's parameters are checked, looked at for what the worker itself wants to know, and asked for by PHP; most
 * requests look at a dozen of some twenty. So the walk that checks the block leaves a table behind. A pair goes in
 * front of its bucket unseen, so that filling takes no longer when a client has chosen the names, and the last of a
 * name is found first. That a name comes twice is seen when all are asked for: each is looked for in its bucket, and
 * where there are so many that a client could make that long, all are sorted by their names, once.
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

/* So many are looked for in their buckets. */
#define INDEX_SEARCHED_MAX FCGI_INDEX_BUCKETS

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
        free(TAKE_PTR(x->shown));
        if (x->size > INDEX_SIZE_KEPT) {
                free(TAKE_PTR(x->entries));
                x->size = 0;
        }
        if (x->n > 0)
                memset(x->buckets, 0, sizeof(x->buckets));
        x->n = 0;
}

void fcgi_index_done(struct fcgi_index *x) {
        free(x->shown);
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

static int index_compare_names(const struct fcgi_index_entry *a, const struct fcgi_index_entry *b) {
        if (a->n_name != b->n_name)
                return a->n_name < b->n_name ? -1 : 1;
        return memcmp(a->name, b->name, a->n_name);
}

/* Of two places: by their names, then as they come. */
static int index_compare(const void *a, const void *b, void *index) {
        const struct fcgi_index *x = index;
        uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
        int r = index_compare_names(&x->entries[i], &x->entries[k]);

        return r != 0 ? r : (i > k) - (i < k);
}

/* Of sorted places: where those with the name of the one at first end. */
static size_t index_end_of_name(const struct fcgi_index *x, const uint32_t *sorted, size_t first) {
        const struct fcgi_index_entry *e = &x->entries[sorted[first]];
        size_t i = first + 1;

        while (i < x->n && index_compare_names(e, &x->entries[sorted[i]]) == 0)
                i++;
        return i;
}

/* Without memory for it all are looked for. */
static void index_sort(struct fcgi_index *x) {
        _cleanup_free_ uint32_t *sorted = malloc(x->n * sizeof(*sorted)), *shown = calloc(x->n, sizeof(*shown));

        if (!sorted || !shown)
                return;
        for (size_t i = 0; i < x->n; i++)
                sorted[i] = (uint32_t)i;
        qsort_r(sorted, x->n, sizeof(*sorted), index_compare, x);
        for (size_t first = 0, end; first < x->n; first = end) {
                end = index_end_of_name(x, sorted, first);
                shown[sorted[first]] = sorted[end - 1] + 1;
        }
        x->shown = TAKE_PTR(shown);
}

static struct fcgi_index_entry *index_look(const struct fcgi_index *x, size_t i) {
        struct fcgi_index_entry *e = &x->entries[i];

        if (index_search(x, e->older, e->name, e->n_name))
                return NULL;
        if (x->buckets[e->bucket] == i + 1)
                return e;
        return index_search(x, x->buckets[e->bucket], e->name, e->n_name);
}

struct fcgi_index_entry *fcgi_index_at(struct fcgi_index *x, size_t i) {
        if (x->n > INDEX_SEARCHED_MAX && !x->shown)
                index_sort(x);
        if (!x->shown)
                return index_look(x, i);
        return x->shown[i] > 0 ? &x->entries[x->shown[i] - 1] : NULL;
}

void fcgi_index_end(struct fcgi_index_entry *e) {
        if (e->name + e->n_name == e->value) {
                e->name--;
                memmove(e->name, e->name + 1, e->n_name);
                e->name[e->n_name] = '\0';
        }
        (void)fcgi_index_value(e);
}
