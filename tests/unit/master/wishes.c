/* SPDX-License-Identifier: MIT */
/* master/wishes.h: what becomes one reload of many wishes. */

#include "master/wishes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

#define WISHES_MAX 4

/* Of a service with the pools "a" and "b". NULL ends the wishes; "changed" is that one. */
static const struct {
        const char *sentence;
        const char *wishes[WISHES_MAX];
        int r;
        struct plan_scope scope;
} rows[] = {
        { "all of them", { "" }, 0, { .all = true, .names = "" } },
        { "one pool", { "a\n" }, 0, { .names = "a\n" } },
        { "two wishes are one reload", { "a\n", "b\n" }, 0, { .names = "b\na\n" } },
        { "so are all, what has changed, and a name",
          { "", "changed", "b\n" },
          0,
          { .all = true, .changed = true, .names = "b\n" } },
        { "no pool of that name", { "c\n" }, WISHES_E_NONE, { .names = "" } },
        { "nor one in capitals", { "A\n" }, WISHES_E_NONE, { .names = "" } },
        { "nor one without any", { "\n" }, WISHES_E_NONE, { .names = "" } },
        { "nor a part of one", { "aa\n" }, WISHES_E_NONE, { .names = "" } },
        { "a wish is granted as a whole", { "a\nc\nb\n" }, WISHES_E_NONE, { .names = "" } },
        { "but not for others", { "a\nc\n", "b\n" }, 0, { .names = "b\n" } },
        { "nor instead of what has changed", { "c\n", "changed" }, 0, { .changed = true, .names = "" } },
};

static void set_up(struct master *m, struct conf *conf, struct conf_pool pools[static 2]) {
        pools[0].name = (char *)"a";
        pools[1].name = (char *)"b";
        *conf = (struct conf){ .pools = pools, .n_pools = 2 };
        conf->by_name.any_case = true;
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(names_put(&conf->by_name, pools[i].name, i), 0);
        *m = (struct master){};
}

static void sentences(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_text_ struct text names = {};
                _cleanup_wishes_ struct wishes w = {};
                static struct conf_pool pools[2];
                static struct master m;
                struct plan_scope scope;
                struct conf conf;
                int r;

                set_up(&m, &conf, pools);
                for (size_t k = 0; k < WISHES_MAX && rows[i].wishes[k]; k++)
                        if (text_equal(rows[i].wishes[k], "changed"))
                                wishes_add_changed(&m);
                        else
                                wishes_add(&m, rows[i].wishes[k], 0);
                assert_true(m.reload.wishes.any);
                w = wishes_take(&m);
                assert_false(m.reload.wishes.any);
                r = wishes_sort(&m, &w, &conf, &names, &scope);
                names_done(&conf.by_name);
                if (r != rows[i].r || scope.all != rows[i].scope.all || scope.changed != rows[i].scope.changed ||
                    !text_equal(scope.names, rows[i].scope.names))
                        fail_msg("%s: %d, '%s'", rows[i].sentence, r, scope.names);
        }
}

static void who_stops_wishes_nothing(void **state) {
        static struct master m;

        wishes_add(&m, "a\n", 0);
        wishes_forgo(&m);
        assert_false(m.reload.wishes.any);
        assert_null(m.reload.wishes.named);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sentences),
                cmocka_unit_test(who_stops_wishes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
