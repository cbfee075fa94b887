/* SPDX-License-Identifier: MIT */
/* scoreboard/active.h: the most at once, whoever comes, goes, dies or scribbles. */

#include "scoreboard/active.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define WORKERS 4U
#define ROUNDS  20000

static struct scoreboard *board_new(uint32_t n_used) {
        struct scoreboard *s = aligned_alloc(4096, sizeof(*s));

        assert_non_null(s);
        memset(s, 0, sizeof(*s));
        s->header.n_used = n_used;
        return s;
}

static void test_the_most_at_once_stands(void **state) {
        struct scoreboard *s = board_new(200);
        static const uint32_t slots[] = { 0, 63, 64, 199 };

        for (size_t i = 0; i < ELEMENTSOF(slots); i++) {
                active_enter(s, slots[i]);
                active_enter(s, slots[i]); /* the slot of one that was killed */
                assert_int_equal(s->header.max_active, i + 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(slots); i++)
                active_leave(s, slots[i]);
        active_leave(s, 7);
        active_enter(s, 7);
        assert_int_equal(s->header.max_active, ELEMENTSOF(slots));
        free(s);
}

static void test_scribbled(void **state) {
        struct scoreboard *s = board_new(UINT32_MAX);

        memset(s->header.active, 0xff, sizeof(s->header.active));
        active_enter(s, SCOREBOARD_SLOTS - 1);
        assert_int_equal(s->header.max_active, SCOREBOARD_SLOTS);
        free(s);
}

struct crowd {
        struct scoreboard *board;
        pthread_barrier_t all_in;
        uint32_t next;
};

static void *crowd_member(void *arg) {
        struct crowd *c = arg;
        uint32_t i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);

        for (int k = 0; k < ROUNDS; k++) {
                active_enter(c->board, i);
                if (k == ROUNDS / 2)
                        pthread_barrier_wait(&c->all_in);
                active_leave(c->board, i);
        }
        return NULL;
}

static void test_counted_beside_each_other(void **state) {
        struct crowd c = { .board = board_new(WORKERS) };
        pthread_t threads[WORKERS];

        assert_int_equal(pthread_barrier_init(&c.all_in, NULL, WORKERS), 0);
        for (size_t i = 0; i < WORKERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &c), 0);
        for (size_t i = 0; i < WORKERS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(c.board->header.max_active, WORKERS);
        assert_int_equal(c.board->header.active[0], 0);
        pthread_barrier_destroy(&c.all_in);
        free(c.board);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_most_at_once_stands),
                cmocka_unit_test(test_scribbled),
                cmocka_unit_test(test_counted_beside_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
