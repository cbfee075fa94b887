/* SPDX-License-Identifier: MIT */
/* When a zygote that has ended is replaced: at once, unless its starts fail or it never lasts. */

#include "pool/replace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pool/scale.h"

#define NOW (1000 * USEC_PER_SEC)

/* So many starts have failed, and so many zygotes have ended young: it waits so long from then on; 0: not at all. */
static const struct {
        const char *name;
        unsigned n_failed, n_short;
        usec_t wait;
} sentences[] = {
        { "nothing has happened", 0, 0, 0 },
        { "a zygote was killed", 0, 1, 0 },
        { "a few were", 0, SCALE_YOUNG_FREE, 0 },
        { "they do not last", 0, SCALE_YOUNG_FREE + 1, SCALE_DELAY_FIRST },
        { "nor do the next ones", 0, SCALE_YOUNG_FREE + 3, 4 * SCALE_DELAY_FIRST },
        { "and so on for a day", 0, 1000000, SCALE_DELAY_LONGEST },
        { "a start has failed", 1, 0, SCALE_DELAY_FIRST },
        { "both: the longer one counts", 1, SCALE_YOUNG_FREE + 2, 2 * SCALE_DELAY_FIRST },
        { "in either order", 2, SCALE_YOUNG_FREE + 1, 2 * SCALE_DELAY_FIRST },
};

static void test_sentences(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(sentences); i++) {
                struct pool p = { .starts = { .n_failed = sentences[i].n_failed,
                                              .last_failure = NOW,
                                              .n_short = sentences[i].n_short,
                                              .last_short = NOW } };
                usec_t due = replace_due(&p), expected = sentences[i].wait > 0 ? NOW + sentences[i].wait : 0;

                if (due != expected)
                        fail_msg("%s: %llu", sentences[i].name, (unsigned long long)due);
        }
}

/* One that has lasted makes up for all before it. */
static void test_count(void **state) {
        unsigned n = 0;

        for (unsigned i = 1; i <= SCALE_YOUNG_FREE + 2; i++)
                assert_int_equal(n = scale_count_young(n, SCALE_YOUNG - 1), i);
        assert_int_equal(scale_count_young(n, SCALE_YOUNG), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
