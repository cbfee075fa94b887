/* SPDX-License-Identifier: MIT */
/* Somebody relies on it: so there is no less than a pool asks for, and nothing that only looks like it. */

#include "conf/reach.h"

#include "base/landlock.h"
#include "base/macros.h"
#include "conf/conf.h"
#include "conf/rows.h"

/* Who says no knows it. */
static void reach_check_lists(const struct conf_check *k, const struct conf_pool *pool) {
        static const enum conf_array_kind kinds[] = { CONF_ARRAY_READ_PATH, CONF_ARRAY_WRITE_PATH };

        if (pool->landlock != CONF_LANDLOCK_NO || pool->given[CONF_POOL_landlock].file)
                return;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                const struct conf_pairs *paths = conf_pool_pairs_const(pool, kinds[i]);

                if (paths->n > 0)
                        text_printf(k->problems, "[%s:%u] directive '%s': it needs 'security.landlock'\n",
                                    paths->items[0].where.file, paths->items[0].where.line,
                                    conf_pool_arrays[kinds[i]].name);
        }
}

void conf_reach_check(const struct conf_check *k, const struct conf_pool *pool) {
        int abi = pool->landlock == CONF_LANDLOCK_NO || k->options->text_only ? 0 : landlock_abi();

        reach_check_lists(k, pool);
        if (abi < 0)
                conf_check_problem(k, pool, CONF_POOL_landlock, "%s", landlock_describe_error(abi));
}
