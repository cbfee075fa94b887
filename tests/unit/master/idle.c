/* SPDX-License-Identifier: MIT */
/* When a service that nobody needs ends: looks, one after the other. */

#include "master/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define S USEC_PER_SEC

struct look {
        usec_t at;
        struct idle_counts counts;
        bool over;
};

static void check(usec_t limit, const struct look *looks, size_t n) {
        struct idle_memory memory = {};

        for (size_t i = 0; i < n; i++)
                if (idle_is_over(&memory, limit, &looks[i].counts, 100 * S + looks[i].at) != looks[i].over)
                        fail_msg("look %zu: %s", i, looks[i].over ? "it goes on" : "it ends");
}
#define CHECK(limit, ...)                                                                                              \
        check(limit, (const struct look[]){ __VA_ARGS__ }, ELEMENTSOF(((const struct look[]){ __VA_ARGS__ })))

static void test_it_ends_when_nothing_came_from_the_start_on(void **state) {
        CHECK(S / 2, { 0, { 0 }, false }, { S / 4, { 0 }, false }, { S / 2, { 0 }, true });
}

static void test_a_worker_may_keep_a_connection_for_a_second_more(void **state) {
        CHECK(2 * S, { 0, { 0 }, false }, { 2 * S, { 0 }, false }, { 3 * S, { 0 }, true });
}

static void test_a_request_between_two_looks_counts(void **state) {
        CHECK(S / 2, { 0, { .done = 7 }, false }, { S / 4, { .done = 8 }, false }, { S / 2, { .done = 8 }, false },
              { 3 * S / 4, { .done = 8 }, true });
}

static void test_what_is_held_counts_up_to_its_end(void **state) {
        CHECK(S / 2, { 0, { .busy = true }, false }, { 50 * S, { .busy = true }, false },
              { 50 * S + S / 4, { 0 }, false }, { 50 * S + S / 2, { 0 }, true });
}

static void test_a_number_that_shrinks_counts(void **state) {
        CHECK(S / 2, { 0, { .done = UINT64_MAX }, false }, { S / 4, { .done = 1 }, false },
              { S / 2, { .done = 0 }, false }, { S, { .done = 0 }, true });
}

/* Numbers of two pools, in which one's lie would make the sum what it was, or nothing. */
static void test_a_pool_that_lies_hides_no_other(void **state) {
        static const struct {
                const char *name;
                struct {
                        uint64_t done, held;
                } first[2], second[2]; /* of the pool that lies, and of the other one, at two looks */
                bool over;
        } rows[] = {
                { "nothing", { { 5, 0 }, { 5, 0 } }, { { 7, 0 }, { 7, 0 } }, true },
                { "work", { { 5, 0 }, { 5, 0 } }, { { 7, 0 }, { 8, 0 } }, false },
                { "work beside less of it", { { 5, 0 }, { 4, 0 } }, { { 7, 0 }, { 8, 0 } }, false },
                { "work in hand", { { 5, 0 }, { 5, 0 } }, { { 7, 0 }, { 7, 1 } }, false },
                { "all that there can be", { { 5, 0 }, { 5, UINT64_MAX } }, { { 7, 0 }, { 7, 1 } }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct wakes wakes = {};
                struct pool_env env = { .wakes = &wakes };
                struct listen_set listeners = { .inherited = true };
                struct master_pool entries[2] = { { .listeners = &listeners }, { .listeners = &listeners } };
                struct master_pool *list[2] = { &entries[0], &entries[1] };
                struct master m = { .state = STATE_RUNNING, .pools = list, .n_pools = 2, .idle = { .limit = S / 2 } };
                bool over = false;

                for (size_t k = 0; k < 2; k++)
                        assert_int_equal(pool_new(&env, k == 0 ? "liar" : "www", &entries[k].pool), 0);
                for (size_t look = 0; look < 2; look++) {
                        struct scoreboard_park *lies = &entries[0].pool->scoreboard->header.park;
                        struct scoreboard_park *says = &entries[1].pool->scoreboard->header.park;

                        lies->parked = rows[i].first[look].done;
                        lies->idle = rows[i].first[look].held;
                        says->parked = rows[i].second[look].done;
                        says->idle = rows[i].second[look].held;
                        over = idle_look(&m, 100 * S + look * S);
                }
                if (over != rows[i].over)
                        fail_msg("%s", rows[i].name);
                for (size_t k = 0; k < 2; k++)
                        pool_free(entries[k].pool);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_ends_when_nothing_came_from_the_start_on),
                cmocka_unit_test(test_a_worker_may_keep_a_connection_for_a_second_more),
                cmocka_unit_test(test_a_request_between_two_looks_counts),
                cmocka_unit_test(test_what_is_held_counts_up_to_its_end),
                cmocka_unit_test(test_a_number_that_shrinks_counts),
                cmocka_unit_test(test_a_pool_that_lies_hides_no_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
