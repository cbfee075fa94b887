/* SPDX-License-Identifier: MIT */
/* conn/watchers.h: a worker that waits is called in time, whatever happens at once. */

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "conn/watchers.h"

#define N_SLOTS 200U /* several words of bits */
#define ENOUGH  2U

static bool rings(struct watchers *r, bool holding) {
        struct pollfd p = { .fd = watchers_bell(r, holding), .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

/* One line of a story: a worker, and what it does. */
struct line {
        char what; /* 'w': is told to watch, 'r': to rest, 'l': leaves, 'c': is called, 'd': hears the bell and no more,
                      'x': is gone */
        uint32_t slot;
        bool holding;
        const char *bells; /* that ring after it: "e": for empty hands, "h": for those that hold something */
};

static const struct {
        const char *name;
        struct line lines[16];
} stories[] = {
        { "as many watch as are enough", { { 'w', 0 }, { 'w', 70 }, { 'r', 1 }, { 'r', 199 } } },
        { "nobody is called while somebody watches", { { 'w', 0 }, { 'w', 1 }, { 'r', 2 }, { 'l', 0 }, { 'w', 0 } } },
        { "the last one that watches calls",
          { { 'w', 0 },
            { 'w', 1 },
            { 'r', 2 },
            { 'r', 130 },
            { 'l', 0 },
            { 'l', 1, false, "e" },
            { 'c', 130 },
            { 'l', 130, false, "e" },
            { 'c', 2 },
            { 'l', 2 } } },
        { "one that comes back before the called one watches, too",
          { { 'w', 0 },
            { 'w', 1 },
            { 'r', 2 },
            { 'l', 0 },
            { 'l', 1, false, "e" },
            { 'w', 1, false, "e" },
            { 'c', 2 } } },
        { "a connection in hand rests while others watch enough",
          { { 'w', 0 }, { 'w', 1 }, { 'r', 2, true }, { 'l', 1 }, { 'w', 3, true }, { 'r', 4, true } } },
        { "empty hands are called first",
          { { 'w', 0 },
            { 'w', 1 },
            { 'r', 2, true },
            { 'r', 3 },
            { 'l', 0 },
            { 'l', 1, false, "e" },
            { 'c', 3 },
            { 'l', 3, false, "h" },
            { 'c', 2, true } } },
        { "no connection in hand watches while empty hands rest",
          { { 'w', 0 }, { 'w', 1 }, { 'r', 2 }, { 'l', 0 }, { 'r', 3, true }, { 'w', 0 }, { 'r', 4 } } },
        { "empty hands watch beside connections in hand",
          { { 'w', 0, true }, { 'w', 1, true }, { 'w', 2 }, { 'w', 3 }, { 'r', 4 }, { 'r', 5, true } } },
        { "one that rested and has something to do calls nobody",
          { { 'w', 0 }, { 'w', 1 }, { 'r', 2, true }, { 'l', 2, true }, { 'r', 2, true } } },
        { "who dies while it watches is one who leaves",
          { { 'w', 0 },
            { 'w', 1 },
            { 'r', 2 },
            { 'x', 0 },
            { 'x', 1, false, "e" },
            { 'c', 2 },
            { 'x', 2 },
            { 'w', 0 } } },
        { "who dies before it has called is spoken for",
          { { 'w', 0 },
            { 'w', 1 },
            { 'r', 2 },
            { 'l', 0 },
            { 'l', 1, false, "e" },
            { 'd', 2 },
            { 'x', 1, false, "e" } } },
        { "who dies with a connection in hand before it has called is, too",
          { { 'w', 0, true },
            { 'w', 1, true },
            { 'r', 2, true },
            { 'l', 0, true },
            { 'l', 1, true, "h" },
            { 'd', 2, true },
            { 'x', 1, false, "h" } } },
        { "who dies while it rests is not called",
          { { 'w', 0 }, { 'w', 1 }, { 'r', 2 }, { 'x', 2 }, { 'l', 0 }, { 'l', 1 } } },
};

static void do_line(struct watchers *r, const struct line *l) {
        switch (l->what) {
        case 'w':
        case 'r':
                assert_int_equal(watchers_join(r, l->slot, l->holding), l->what == 'w');
                break;
        case 'l':
                watchers_leave(r, l->slot, l->holding);
                break;
        case 'c':
                assert_true(rings(r, l->holding));
                watchers_on_called(r, l->slot, l->holding);
                break;
        case 'd':
                assert_int_equal(read(watchers_bell(r, l->holding), &(uint64_t){ 0 }, sizeof(uint64_t)),
                                 sizeof(uint64_t));
                break;
        default:
                watchers_forget(r, l->slot);
        }
        for (int holding = 0; holding < 2; holding++)
                assert_int_equal(rings(r, holding), l->bells && l->bells[0] == "eh"[holding]);
}

static void test_stories(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(stories); i++) {
                struct watchers *r = watchers_new(N_SLOTS, ENOUGH);

                print_message("%s\n", stories[i].name);
                assert_non_null(r);
                for (size_t k = 0; stories[i].lines[k].what; k++)
                        do_line(r, &stories[i].lines[k]);
        }
}

static void test_one_is_called_when_fewer_than_half_of_enough_watch(void **state) {
        struct watchers *r = watchers_new(N_SLOTS, 5);

        for (uint32_t slot = 0; slot < 7; slot++)
                assert_int_equal(watchers_join(r, slot, false), slot < 5);
        for (uint32_t slot = 0; slot < 3; slot++) {
                assert_false(rings(r, false));
                watchers_leave(r, slot, false);
        }
        assert_true(rings(r, false));
        watchers_on_called(r, 6, false);
        watchers_leave(r, 0, false); /* it is busy anyway */
        assert_false(rings(r, false));
}

static void test_without_watchers_everybody_watches(void **state) {
        assert_true(watchers_join(NULL, 0, false));
        assert_true(watchers_join(NULL, 1, true));
        watchers_leave(NULL, 0, false);
        watchers_forget(NULL, 0);
        assert_int_equal(watchers_bell(NULL, true), -1);
}

static void test_numbers_beyond_it_watch(void **state) {
        struct watchers *r = watchers_new(3, 1);

        for (uint32_t slot = 3; slot < 6; slot++)
                assert_true(watchers_join(r, slot, false));
        watchers_leave(r, 4, false);
        watchers_forget(r, 4);
        assert_true(watchers_join(r, 2, false));
}

/* Many at once: in each round some begin to wait while others, who have waited, become busy. When they have, somebody
 * watches or is called, if anybody waits. */

#define N_THREADS 2U
#define N_ROUNDS  20000U

struct crowd {
        struct watchers *watchers;
        pthread_barrier_t all;
        _Atomic(uint32_t) n_wait, n_watch;
        _Atomic(uint32_t)
                n_ready; /* in this round: so that they go on at the same moment, which a barrier does not give */
};

struct member {
        struct crowd *crowd;
        uint32_t slot;
        pthread_t thread;
};

static void *member_run(void *data) {
        struct member *m = data;
        struct crowd *c = m->crowd;
        unsigned seed = m->slot;
        bool waits = false, watches = false;

        for (uint32_t round = 1; round <= N_ROUNDS; round++) {
                bool changes = rand_r(&seed) % 4 != 0;

                c->n_ready++;
                while (c->n_ready < round * N_THREADS)
                        sched_yield();
                if (changes && waits)
                        watchers_leave(c->watchers, m->slot, false);
                else if (changes)
                        watches = watchers_join(c->watchers, m->slot, false);
                waits ^= changes;
                c->n_wait += waits;
                c->n_watch += waits && watches;
                pthread_barrier_wait(&c->all);
                pthread_barrier_wait(&c->all); /* it has been looked at */
                if (waits && !watches && rings(c->watchers, false)) {
                        watchers_on_called(c->watchers, m->slot, false);
                        watches = true;
                }
        }
        return NULL;
}

static void test_nobody_is_left_to_rest_alone(void **state) {
        struct crowd c = { .watchers = watchers_new(N_SLOTS, 1) };
        struct member members[N_THREADS];
        unsigned n_bad = 0, n_called = 0;

        pthread_barrier_init(&c.all, NULL, N_THREADS + 1);
        for (uint32_t i = 0; i < N_THREADS; i++) {
                members[i] = (struct member){ .crowd = &c, .slot = i * 33 };
                assert_int_equal(pthread_create(&members[i].thread, NULL, member_run, &members[i]), 0);
        }
        for (uint32_t round = 0; round < N_ROUNDS; round++) {
                pthread_barrier_wait(&c.all);
                n_bad += c.n_wait > 0 && c.n_watch == 0 && !rings(c.watchers, false);
                n_called += c.n_watch == 0 && rings(c.watchers, false);
                c.n_wait = c.n_watch = 0;
                pthread_barrier_wait(&c.all);
        }
        for (uint32_t i = 0; i < N_THREADS; i++)
                pthread_join(members[i].thread, NULL);
        pthread_barrier_destroy(&c.all);
        assert_int_equal(n_bad, 0);
        assert_true(n_called > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stories),
                cmocka_unit_test(test_one_is_called_when_fewer_than_half_of_enough_watch),
                cmocka_unit_test(test_without_watchers_everybody_watches),
                cmocka_unit_test(test_numbers_beyond_it_watch),
                cmocka_unit_test(test_nobody_is_left_to_rest_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
