/* SPDX-License-Identifier: MIT */
/*
 * Name-value pairs: any block is walked to its end or to its first broken pair; what was read is written again and must
 * read back the same; a search finds the last pair of a name. An index of it has the same pairs, finds the same, and
 * its strings are what the block had.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/index.h"
#include "fcgi/params.h"
#include "fuzz.h"

#define PAIRS_MAX 256U

static bool equal(const struct fcgi_pair *a, const struct fcgi_pair *b) {
        return a->n_name == b->n_name && a->n_value == b->n_value && memcmp(a->name, b->name, a->n_name) == 0 &&
               memcmp(a->value, b->value, a->n_value) == 0;
}

static void check_place(const uint8_t *block, size_t n, const struct fcgi_pair *pair) {
        const char *start = (const char *)block, *end = start + n;

        assert(pair->name >= start && pair->name <= end);
        assert(pair->n_name <= (size_t)(end - pair->name));
        assert(pair->value == pair->name + pair->n_name);
        assert(pair->n_value <= (size_t)(end - pair->value));
}

static void check_round_trip(const struct fcgi_pair *pair) {
        size_t size = fcgi_params_encoded_size(pair->n_name, pair->n_value), pos = 0;
        _cleanup_free_ uint8_t *block = malloc(size);
        struct fcgi_pair back;

        if (!block)
                abort();
        assert(fcgi_params_encode(block, pair) == size);
        assert(fcgi_params_next(block, size, &pos, &back) == 1);
        assert(pos == size);
        assert(equal(pair, &back));
        assert(fcgi_params_next(block, size, &pos, &back) == 0);
        for (size_t cut = 1; cut < MIN(size, (size_t)64); cut++) {
                pos = 0;
                assert(fcgi_params_next(block, cut, &pos, &back) == FCGI_PARAMS_E_MALFORMED);
                assert(pos == 0);
        }
}

/* The first of the pairs, if its name holds no NUL, so that it can be searched: the last one of that name must be
 * found.
 */
static void check_find(const uint8_t *block, size_t n, const struct fcgi_pair *pairs, size_t n_pairs) {
        const struct fcgi_pair *last = &pairs[0];
        _cleanup_free_ char *name = NULL;
        struct fcgi_pair found;

        if (memchr(last->name, 0, last->n_name))
                return;
        name = strndup(last->name, last->n_name);
        if (!name)
                abort();
        for (size_t j = 0; j < n_pairs; j++)
                if (pairs[j].n_name == last->n_name && memcmp(pairs[j].name, last->name, last->n_name) == 0)
                        last = &pairs[j];
        assert(fcgi_params_find(block, n, name, &found));
        assert(found.value == last->value && found.n_value == last->n_value);
}

static bool same_name(const struct fcgi_pair *a, const struct fcgi_pair *b) {
        return a->n_name == b->n_name && memcmp(a->name, b->name, a->n_name) == 0;
}

/* Of the i-th pair's name: what the index is to show there; NULL: nothing, as it comes before. */
static const struct fcgi_pair *shown(const struct fcgi_pair *pairs, size_t n_pairs, size_t i) {
        const struct fcgi_pair *last = &pairs[i];

        for (size_t j = 0; j < n_pairs; j++)
                if (same_name(&pairs[j], &pairs[i])) {
                        if (j < i)
                                return NULL;
                        last = &pairs[j];
                }
        return last;
}

static void check_string(const char *s, const char *bytes, size_t n) {
        assert(memcmp(s, bytes, n) == 0 && s[n] == '\0');
}

/* Once all are strings, and once more: nothing has come to lie over another one. */
static void check_shown(struct fcgi_index *x, const struct fcgi_pair *pairs, size_t n_pairs) {
        for (unsigned again = 0; again < 2; again++)
                for (size_t i = n_pairs; i > 0; i--) {
                        struct fcgi_index_entry *e = fcgi_index_at(x, i - 1);
                        const struct fcgi_pair *pair = shown(pairs, n_pairs, i - 1);

                        assert(!e == !pair);
                        if (!e)
                                continue;
                        fcgi_index_end(e);
                        check_string(e->name, pair->name, pair->n_name);
                        check_string(e->value, pair->value, pair->n_value);
                        assert(fcgi_index_find(x, pair->name, pair->n_name) == e);
                }
}

static void check_index(const uint8_t *block, size_t n, const struct fcgi_pair *pairs, size_t n_pairs) {
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
        _cleanup_free_ uint8_t *copy = malloc(n + 1);

        if (!copy)
                abort();
        memcpy(copy, block, n);
        assert(fcgi_index_read(&x, copy, n) == 0 && x.n == n_pairs);
        for (size_t i = 0; i < n_pairs; i++) { /* some are asked for before the others */
                const struct fcgi_pair *last = shown(pairs, n_pairs, i);

                if (last && i % 3 == 0)
                        check_string(fcgi_index_value(fcgi_index_find(&x, last->name, last->n_name)), last->value,
                                     last->n_value);
        }
        check_shown(&x, pairs, n_pairs);
}

static void check_broken_index(const uint8_t *block, size_t n) {
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};

        assert(fcgi_index_read(&x, (uint8_t *)block, n) == FCGI_PARAMS_E_MALFORMED && x.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct fcgi_pair pairs[PAIRS_MAX];
        size_t pos = 0, before = 0, n_pairs = 0;
        int r = 1;

        while (n_pairs < PAIRS_MAX && (r = fcgi_params_next(data, n, &pos, &pairs[n_pairs])) == 1) {
                assert(pos > before && pos <= n);
                check_place(data, n, &pairs[n_pairs]);
                check_round_trip(&pairs[n_pairs++]);
                before = pos;
        }
        if (r == 1)
                return 0;
        assert(pos == before && (r == FCGI_PARAMS_E_MALFORMED) == (pos < n));
        assert(fcgi_params_well_formed(data, n) == (r == 0));
        for (size_t i = 0; i < n_pairs; i++)
                check_find(data, n, pairs + i, n_pairs - i);
        if (r == 0)
                check_index(data, n, pairs, n_pairs);
        else
                check_broken_index(data, n);
        return 0;
}
