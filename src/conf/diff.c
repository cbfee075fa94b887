/* SPDX-License-Identifier: MIT */
/*
 * Comparison by the table: whatever a row describes is compared, so a new directive cannot be forgotten here. The
 * arrays are compared in order, for order is part of what they say.
 */

#include "conf/diff.h"

#include "conf/conf.h"
#include "conf/rows.h"
#include "conf/values.h"

static bool diff_pairs_equal(const struct conf_pairs *a, const struct conf_pairs *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!text_equal(a->items[i].key, b->items[i].key) || !text_equal(a->items[i].value, b->items[i].value))
                        return false;
        return true;
}

/* Whether the array directives of this kind say the same in both; a kind of PHP setting is a subset of one list. */
static bool diff_php_equal(const struct conf_pool *a, const struct conf_pool *b) {
        if (a->n_php_settings != b->n_php_settings)
                return false;
        for (size_t i = 0; i < a->n_php_settings; i++) {
                const struct conf_php_setting *x = &a->php_settings[i], *y = &b->php_settings[i];

                if (!text_equal(x->key, y->key) || !text_equal(x->value, y->value) || x->admin != y->admin)
                        return false;
        }
        return true;
}

static void diff_add(struct text *names, size_t *n, const char *name) {
        text_printf(names, "%s%s", *n > 0 ? ", " : "", name);
        ++*n;
}

size_t conf_diff_pool(const struct conf_pool *a, const struct conf_pool *b, struct text *names) {
        size_t n = 0;

        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                if (!conf_value_equal(&conf_pool_directives[i], a, b))
                        diff_add(names, &n, conf_pool_directives[i].name);
        if (conf_value_equal(&conf_pool_directives[CONF_POOL_listen_peer_users], a, b) &&
            !text_equal(a->peer_uids ?: "", b->peer_uids ?: "")) /* a name has another number */
                diff_add(names, &n, conf_pool_directives[CONF_POOL_listen_peer_users].name);
        for (enum conf_array_kind kind = 0; kind < _CONF_ARRAY_MAX; kind++)
                if (conf_pool_pairs_const(a, kind) &&
                    !diff_pairs_equal(conf_pool_pairs_const(a, kind), conf_pool_pairs_const(b, kind)))
                        diff_add(names, &n, conf_pool_arrays[kind].name);
        if (!diff_php_equal(a, b))
                diff_add(names, &n, conf_pool_arrays[CONF_ARRAY_PHP_VALUE].name);
        return n;
}

bool conf_diff_pool_equal(const struct conf_pool *a, const struct conf_pool *b) {
        _cleanup_text_ struct text names = {};

        return text_equal(a->name, b->name) && conf_diff_pool(a, b, &names) == 0;
}

size_t conf_diff_global(const struct conf_global *a, const struct conf_global *b, enum conf_applies applies,
                        struct text *names) {
        size_t n = 0;

        for (size_t i = 0; i < _CONF_GLOBAL_MAX; i++)
                if (conf_global_directives[i].applies == applies && !conf_value_equal(&conf_global_directives[i], a, b))
                        diff_add(names, &n, conf_global_directives[i].name);
        return n;
}

bool conf_diff_global_equal(const struct conf_global *a, const struct conf_global *b) {
        _cleanup_text_ struct text names = {};

        return conf_diff_global(a, b, CONF_APPLIES_RELOAD, &names) == 0 &&
               conf_diff_global(a, b, CONF_APPLIES_RESTART, &names) == 0;
}
