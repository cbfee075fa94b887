/* SPDX-License-Identifier: MIT */
/*
 * The table as data, and looking things up in it. Names are compared without regard to case, as php-fpm does.
 */

#include "conf/rows.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "conf/model.h"

#define ROW(section, row_name, field, row_type, row_min, row_max, row_initial, row_acts, row_applies)                  \
        { .name = row_name,                                                                                            \
          .n_name = sizeof(row_name) - 1,                                                                              \
          .offset = offsetof(struct section, field),                                                                   \
          .min = row_min,                                                                                              \
          .max = row_max,                                                                                              \
          .initial = row_initial,                                                                                      \
          .type = CONF_TYPE_##row_type,                                                                                \
          .acts = CONF_ACTS_##row_acts,                                                                                \
          .applies = CONF_APPLIES_##row_applies },

const struct conf_directive conf_global_directives[_CONF_GLOBAL_MAX] = {
#define D(name, field, type, min, max, initial, acts, applies)                                                         \
        ROW(conf_global, name, field, type, min, max, initial, acts, applies)
        CONF_GLOBAL_DIRECTIVES(D)
#undef D
};

const struct conf_directive conf_pool_directives[_CONF_POOL_MAX] = {
#define D(name, field, type, min, max, initial, acts, applies)                                                         \
        ROW(conf_pool, name, field, type, min, max, initial, acts, applies)
        CONF_POOL_DIRECTIVES(D)
#undef D
};

const struct conf_array conf_pool_arrays[_CONF_ARRAY_MAX] = {
#define A(row_name, kind, row_acts) { .name = row_name, .acts = CONF_ACTS_##row_acts },
        CONF_POOL_ARRAYS(A)
#undef A
};

static int rows_find(const struct conf_directive *rows, size_t n, const char *name) {
        size_t n_name = strlen(name);

        for (size_t i = 0; i < n; i++)
                if (rows[i].n_name == n_name && strcasecmp(rows[i].name, name) == 0)
                        return (int)i;
        return -1;
}

int conf_rows_find_global(const char *name) {
        return rows_find(conf_global_directives, ELEMENTSOF(conf_global_directives), name);
}

int conf_rows_find_pool(const char *name) {
        return rows_find(conf_pool_directives, ELEMENTSOF(conf_pool_directives), name);
}

int conf_rows_find_array(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(conf_pool_arrays); i++)
                if (text_equal(conf_pool_arrays[i].name, name)) /* letter by letter, as php-fpm */
                        return (int)i;
        return -1;
}

#define NAME_MAX_BYTES 64U

/* Levenshtein's distance: how many letters to add, drop or replace. */
static size_t rows_distance(const char *a, const char *b) {
        size_t n_a = strlen(a), n_b = strlen(b), row[NAME_MAX_BYTES + 1];

        if (n_a > NAME_MAX_BYTES || n_b > NAME_MAX_BYTES)
                return SIZE_MAX;
        for (size_t j = 0; j <= n_b; j++)
                row[j] = j;
        for (size_t i = 1; i <= n_a; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        size_t above = row[j], replaced = diagonal + (a[i - 1] != b[j - 1]);
                        size_t shifted = MIN(above, row[j - 1]) + 1;

                        row[j] = MIN(shifted, replaced);
                        diagonal = above;
                }
        }
        return row[n_b];
}

static void rows_consider(const char *name, const char *candidate, size_t *best, const char **ret) {
        size_t d = rows_distance(name, candidate);

        if (d < *best) {
                *best = d;
                *ret = candidate;
        }
}

const char *conf_rows_nearest(const char *name) {
        size_t best = strlen(name) / 4 + 2; /* at this distance and above a hint would mislead */
        const char *nearest = NULL;

        for (size_t i = 0; i < ELEMENTSOF(conf_pool_directives); i++)
                rows_consider(name, conf_pool_directives[i].name, &best, &nearest);
        for (size_t i = 0; i < ELEMENTSOF(conf_global_directives); i++)
                rows_consider(name, conf_global_directives[i].name, &best, &nearest);
        for (size_t i = 0; i < ELEMENTSOF(conf_pool_arrays); i++)
                rows_consider(name, conf_pool_arrays[i].name, &best, &nearest);
        rows_consider(name, "include", &best, &nearest);
        return nearest;
}
