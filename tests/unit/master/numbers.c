/* SPDX-License-Identifier: MIT */
/* master/numbers.h: what was counted before a restart is counted after it. */

#include "master/numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/time.h"
#include "pool/wake.h"
#include "scoreboard/scoreboard.h"
#include "status/snapshot.h"

static struct wakes wakes;
static struct pool_env env = { .wakes = &wakes };

static struct pool *fresh(void) {
        struct pool *p;

        assert_int_equal(pool_new(&env, "www", &p), 0);
        return p;
}

static struct status_snapshot look(const struct pool *p) {
        struct status_snapshot s;

        assert_int_equal(status_snapshot_take(p->scoreboard, time_now(), 0, &s), 0);
        return s;
}

/* What a pool counts between two restarts. */
static void count(struct pool *p) {
        struct scoreboard_header *h = &p->scoreboard->header;
        struct scoreboard_slot *w = &p->scoreboard->slots[1];

        h->n_used = 2;
        h->reloads = 1;
        h->workers_died = 2;
        h->slow_requests = 3;
        h->max_active = 2;
        h->park.idle = 5;
        h->park.parked = 6;
        h->park.accepted = 7;
        h->overload[SCOREBOARD_OVERLOAD_late] = 8;
        h->denied[SCOREBOARD_DENIED_peers] = 9;
        h->waits.n[0] = 10;
        w->requests = 11;
        w->accepted = 12;
        w->duration_sum = 13;
        w->durations[2] = 14;
        w->memory_peak = 15;
        w->logs_lost[0] = 16;
        w->seq = 1; /* its worker was killed as it wrote */
}

static void test_numbers_go_on_over_restarts(void **state) {
        struct pool *p = fresh();
        struct status_snapshot s;
        uint64_t started = p->scoreboard->header.start_wall -= USEC_PER_SEC;

        p->scoreboard->header.start_mono -= USEC_PER_SEC;
        for (unsigned restarts = 1; restarts <= 3; restarts++) {
                struct pool *next = fresh();

                count(p);
                numbers_return(next, dup(p->scoreboard_fd));
                pool_free(p);
                p = next;
                s = look(p);
                assert_int_equal(s.n_total, 0);
                assert_int_equal(s.start_wall, started);
                assert_true(s.start_since >= USEC_PER_SEC);
                assert_int_equal(s.requests, 11 * restarts);
                assert_int_equal(s.connections, (7 + 12) * restarts);
                assert_int_equal(s.reloads, restarts);
                assert_int_equal(s.workers_died, 2 * restarts);
                assert_int_equal(s.slow_requests, 3 * restarts);
                assert_int_equal(s.max_active, 2);
                assert_int_equal(s.park[SCOREBOARD_PARK_idle], 0);
                assert_int_equal(s.park[SCOREBOARD_PARK_parked], 6 * restarts);
                assert_int_equal(s.overload[SCOREBOARD_OVERLOAD_late], 8 * restarts);
                assert_int_equal(s.denied[SCOREBOARD_DENIED_peers], 9 * restarts);
                assert_int_equal(s.waits.n[0], 10 * restarts);
                assert_int_equal(s.duration_sum, 13 * restarts);
                assert_int_equal(s.durations[2], 14 * restarts);
                assert_int_equal(s.memory_peak, 15);
                assert_int_equal(s.logs_lost[0], 16 * restarts);
        }
        pool_free(p);
}

static void begins_at_0(int fd) {
        struct pool *p = fresh();
        uint64_t started = p->scoreboard->header.start_wall;
        struct status_snapshot s;

        numbers_return(p, fd);
        s = look(p);
        assert_int_equal(s.requests, 0);
        assert_int_equal(s.start_wall, started);
        pool_free(p);
}

static void test_what_is_no_scoreboard_counts_for_nothing(void **state) {
        int other = scoreboard_create("www"), open_ended = fd_new_memfd("test");
        const uint32_t version = SCOREBOARD_VERSION + 1;

        begins_at_0(-1);
        begins_at_0(fd_new_sealed("test", "x", 1));
        assert_int_equal(ftruncate(open_ended, sizeof(struct scoreboard)), 0);
        begins_at_0(open_ended); /* it could shrink while it is read */
        assert_int_equal(pwrite(other, &version, sizeof(version), offsetof(struct scoreboard_header, version)),
                         sizeof(version));
        begins_at_0(other);
}

/* Its pool could write anything there. */
static void test_a_start_in_the_future_is_none(void **state) {
        struct pool *old = fresh(), *p = fresh();
        uint64_t started = p->scoreboard->header.start_wall;

        old->scoreboard->header.start_wall = UINT64_MAX;
        old->scoreboard->header.start_mono = 1;
        old->scoreboard->header.n_used = UINT32_MAX;
        numbers_return(p, dup(old->scoreboard_fd));
        assert_int_equal(look(p).start_wall, started);
        pool_free(old);
        pool_free(p);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers_go_on_over_restarts),
                cmocka_unit_test(test_what_is_no_scoreboard_counts_for_nothing),
                cmocka_unit_test(test_a_start_in_the_future_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
