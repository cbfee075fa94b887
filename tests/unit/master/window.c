/* SPDX-License-Identifier: MIT */
/* master/window.h as tables of sentences. */

#include "master/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"

#define NOW (1000 * USEC_PER_SEC)

static void which_pools_go_in_batches(void **state) {
        static const struct {
                const char *sentence;
                struct window_pool pool;
                bool suits;
        } rows[] = {
                { "one that is awake and stays where it is",
                  { .replaced = true, .in_place = true, .awake = true, .classic = true },
                  true },
                { "not one that is new, or that the reload is not for",
                  { .in_place = true, .awake = true, .classic = true },
                  false },
                { "not one that listens elsewhere", { .replaced = true, .awake = true, .classic = true }, false },
                { "not one that sleeps, or that does not start",
                  { .replaced = true, .in_place = true, .classic = true },
                  false },
                { "not one that boots a script", { .replaced = true, .in_place = true, .awake = true }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (window_suits(&rows[i].pool) != rows[i].suits)
                        fail_msg("%s", rows[i].sentence);
        assert_false(window_pays(0));
        assert_false(window_pays(WINDOW_SIZE));
        assert_true(window_pays(WINDOW_SIZE + 1));
}

/* So many of each kind, in this order; then as many begin as may. */
static void who_has_a_place(void **state) {
        static const struct {
                const char *sentence;
                struct {
                        unsigned n;
                        struct window_look look;
                } kinds[3];
                unsigned begin;
                usec_t wake_at;
        } rows[] = {
                { "nobody waits", { { 3, {} } }, 0, 0 },
                { "all of a few begin", { { 3, { .waits = true } } }, 3, 0 },
                { "no more than there are places", { { WINDOW_SIZE + 5, { .waits = true } } }, WINDOW_SIZE, 0 },
                { "those that start have theirs",
                  { { 30, { .begun = true } }, { 40, { .waits = true } } },
                  WINDOW_SIZE - 30,
                  0 },
                { "those that are done have none", { { 400, {} }, { 40, { .waits = true } } }, WINDOW_SIZE, 0 },
                { "what has just been told to end has one, for a while",
                  { { WINDOW_SIZE - 1, { .ends_since = NOW - 1 } },
                    { 1, { .ends_since = NOW - WINDOW_PATIENCE + 1 } },
                    { 40, { .waits = true } } },
                  0,
                  NOW + 1 },
                { "and who is busy for longer has none",
                  { { 20, { .ends_since = NOW - WINDOW_PATIENCE } }, { 40, { .waits = true } } },
                  WINDOW_SIZE,
                  0 },
                { "one that starts beside old ones is one",
                  { { 30, { .begun = true, .ends_since = NOW - 1 } }, { 40, { .waits = true } } },
                  WINDOW_SIZE - 30,
                  0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct window w = {};
                unsigned begin = 0;

                for (size_t k = 0; k < ELEMENTSOF(rows[i].kinds); k++)
                        for (unsigned j = 0; j < rows[i].kinds[k].n; j++)
                                window_count(&w, &rows[i].kinds[k].look, NOW);
                for (size_t k = 0; k < ELEMENTSOF(rows[i].kinds); k++)
                        for (unsigned j = 0; j < rows[i].kinds[k].n; j++)
                                begin += window_let(&w, &rows[i].kinds[k].look);
                if (begin != rows[i].begin || w.wake_at != rows[i].wake_at)
                        fail_msg("%s: %u begin, wake at %llu", rows[i].sentence, begin, (unsigned long long)w.wake_at);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(which_pools_go_in_batches),
                cmocka_unit_test(who_has_a_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
