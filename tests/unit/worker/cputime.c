/* SPDX-License-Identifier: MIT */
/* worker/cputime.h: requests as they come, with the time each took and the CPU time it really had. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/cputime.h"

#define USEC 1000ULL
#define MSEC 1000000ULL

struct feed {
        struct cputime c;
        uint64_t clock;
        unsigned n_read;
        uint64_t told;
};

/* What was told for a request. */
static uint64_t feed(struct feed *f, uint64_t duration, uint64_t cpu) {
        bool due = cputime_is_due(&f->c, duration);
        uint64_t took;

        f->clock += cpu;
        f->n_read += due;
        took = cputime_account(&f->c, duration, due ? f->clock : 0);
        f->told += took;
        return took;
}

static void test_first_is_exact(void **state) {
        struct feed f = { .c = { .read = 7 * MSEC }, .clock = 7 * MSEC };

        assert_int_equal(feed(&f, 100 * USEC, 40 * USEC), 40 * USEC);
        assert_int_equal(f.n_read, 1);
}

static void test_long_is_exact(void **state) {
        struct feed f = {};

        feed(&f, 100 * USEC, 50 * USEC);
        assert_int_equal(feed(&f, 5 * MSEC, 3 * MSEC), 3 * MSEC);
        assert_int_equal(feed(&f, 900 * MSEC, 1 * MSEC), 1 * MSEC);
        assert_int_equal(f.n_read, 3);
}

static void test_short_have_their_share(void **state) {
        struct feed f = {};

        feed(&f, 100 * USEC, 50 * USEC);
        assert_int_equal(feed(&f, 200 * USEC, 90 * USEC), 100 * USEC);
        assert_int_equal(feed(&f, 2 * MSEC, 0), 1 * MSEC);
        assert_int_equal(f.n_read, 1);
}

static void test_a_sleeper_does_not_change_the_share(void **state) {
        struct feed f = {};

        feed(&f, 100 * USEC, 50 * USEC);
        feed(&f, 900 * MSEC, 1 * MSEC);
        assert_int_equal(feed(&f, 100 * USEC, 50 * USEC), 50 * USEC);
}

static void test_one_reading_for_many(void **state) {
        struct feed f = {};

        for (unsigned i = 0; i < 5001; i++)
                feed(&f, 100 * USEC, 80 * USEC);
        assert_int_equal(f.n_read, 6); /* the first, and one for each 100 ms */
        assert_int_equal(f.told, f.clock);
}

/* A stretch that was not like those before it is put right by its last request, as far as that goes, and changes the
 * share. */
static void test_share_follows(void **state) {
        struct feed f = {};

        feed(&f, 100 * USEC, 100 * USEC);
        for (unsigned i = 0; i < 1000; i++)
                feed(&f, 100 * USEC, 20 * USEC);
        assert_int_equal(feed(&f, 1 * MSEC, 0), 200 * USEC);
}

static void test_now_is_near(void **state) {
        struct feed f = {};

        for (unsigned i = 0; i < 700; i++)
                feed(&f, 100 * USEC, 80 * USEC);
        assert_int_equal(cputime_now(&f.c), f.clock);
}

/* A small request on a fresh connection: as much CPU time goes into taking and closing that as into the request. */
static void test_what_connections_take_is_nobodys_request(void **state) {
        struct feed f = {};

        for (unsigned i = 0; i < 50000; i++)
                assert_true(feed(&f, 12 * USEC, 21 * USEC) <= 12 * USEC);
        assert_in_range(feed(&f, 20 * MSEC, 3 * MSEC), 3 * MSEC - 5 * USEC, 3 * MSEC + 20 * USEC);
}

/* A load balancer's port checks, for hours, are no CPU time of the request that comes then. */
static void test_what_is_no_request_does_not_gather(void **state) {
        struct feed f = {};

        feed(&f, 100 * USEC, 50 * USEC);
        for (unsigned i = 0; i < 1000000; i++) {
                f.clock += 15 * USEC;
                cputime_pass(&f.c);
        }
        assert_true(cputime_is_stale(&f.c));
        cputime_read(&f.c, f.clock);
        assert_int_equal(cputime_now(&f.c), f.clock);
        assert_false(cputime_is_stale(&f.c));
        assert_int_equal(feed(&f, 10 * MSEC, 4 * MSEC), 4 * MSEC);
}

static void test_a_clock_that_goes_back_is_no_time(void **state) {
        struct feed f = { .c = { .read = 10 * MSEC }, .clock = 1 * MSEC };

        assert_int_equal(feed(&f, 1 * MSEC, 0), 0);
        assert_int_equal(feed(&f, 1 * MSEC, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_is_exact),
                cmocka_unit_test(test_long_is_exact),
                cmocka_unit_test(test_short_have_their_share),
                cmocka_unit_test(test_a_sleeper_does_not_change_the_share),
                cmocka_unit_test(test_one_reading_for_many),
                cmocka_unit_test(test_share_follows),
                cmocka_unit_test(test_now_is_near),
                cmocka_unit_test(test_what_connections_take_is_nobodys_request),
                cmocka_unit_test(test_what_is_no_request_does_not_gather),
                cmocka_unit_test(test_a_clock_that_goes_back_is_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
