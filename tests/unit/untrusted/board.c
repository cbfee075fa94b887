/* SPDX-License-Identifier: MIT */
/* untrusted/board.h: whatever is written there, what is read is in bounds. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "scoreboard/scoreboard.h"
#include "scoreboard/stages.h"
#include "untrusted/board.h"

static int set_up(void **state) {
        _cleanup_fd_ int fd = scoreboard_create("www");
        struct scoreboard *board;

        assert_true(fd >= 0);
        assert_int_equal(scoreboard_map(fd, &board), 0);
        *state = board;
        return 0;
}

static int tear_down(void **state) {
        scoreboard_unmap(*state);
        return 0;
}

static void test_idle(void **state) {
        struct scoreboard *board = *state;
        struct scoreboard_slot *s = &board->slots[3];

        assert_false(untrusted_board_is_idle(board, 3, 0, 1000));
        s->stage = STAGE_ACCEPTING;
        s->stage_mono = 400;
        assert_true(untrusted_board_is_idle(board, 3, 0, 1000));
        assert_true(untrusted_board_is_idle(board, 3, 600, 1000));
        assert_false(untrusted_board_is_idle(board, 3, 601, 1000));
        s->stage_mono = 1001; /* not yet: that would be a very long time */
        assert_false(untrusted_board_is_idle(board, 3, 1, 1000));
        s->stage_mono = UINT64_MAX;
        assert_false(untrusted_board_is_idle(board, 3, 1, 1000));
        s->stage = UINT32_MAX;
        assert_false(untrusted_board_is_idle(board, 3, 0, 1000));
}

static void test_has_served(void **state) {
        struct scoreboard *board = *state;
        static const struct {
                uint64_t id;
                bool begun, served;
        } rows[] = { { 0, false, false }, { 1, true, false }, { 2, true, true }, { UINT64_MAX, true, true } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                board->slots[0].request_id = rows[i].id;
                assert_int_equal(untrusted_board_has_begun(board, 0), rows[i].begun);
                assert_int_equal(untrusted_board_has_served(board, 0), rows[i].served);
        }
}

static void test_sums(void **state) {
        struct scoreboard *board = *state;
        uint64_t losses[SCOREBOARD_LOGS];

        board->slots[0].accepted = 5;
        board->slots[1].accepted = 7;
        board->slots[2].accepted = UINT64_MAX; /* beyond those that there are */
        assert_int_equal(untrusted_board_taken(board, 0), 0);
        assert_int_equal(untrusted_board_taken(board, 2), 12);
        board->header.logs_lost[1] = 100;
        board->slots[0].logs_lost[1] = 10;
        board->slots[1].logs_lost[1] = 1;
        board->slots[2].logs_lost[1] = UINT64_MAX;
        untrusted_board_losses(board, 2, losses);
        assert_int_equal(losses[0], 0);
        assert_int_equal(losses[1], 111);
}

static void test_park(void **state) {
        struct scoreboard *board = *state;
        static const struct {
                uint64_t waiting, receiving;
                unsigned n;
                bool work;
        } rows[] = {
                { 0, 0, 0, false },
                { 1, 0, 1, true },
                { 0, 1, 0, true },
                { UINT32_MAX, 0, UINT_MAX, true },
                { 1ULL << 32, 0, UINT_MAX, true }, /* whose lower half is nothing */
                { UINT64_MAX, UINT64_MAX, UINT_MAX, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                board->header.park.waiting = rows[i].waiting;
                board->header.park.receiving = rows[i].receiving;
                assert_int_equal(untrusted_board_waiting(board), rows[i].n);
                assert_int_equal(untrusted_board_park_has_work(board), rows[i].work);
        }
}

static void test_offers(void **state) {
        struct scoreboard *board = *state;
        _Atomic uint64_t *sent = &board->header.park.offered, *taken = &board->header.offers_taken;
        struct untrusted_board_offers seen = {};

        *sent = 3;
        *taken = 1;
        board->header.park.waiting = 4; /* those for which the socket has no room */
        assert_int_equal(untrusted_board_waiting(board), 6);
        assert_false(untrusted_board_look_at_offers(board, &seen)); /* for the first time */
        assert_true(untrusted_board_look_at_offers(board, &seen));
        *taken = 2;
        assert_false(untrusted_board_look_at_offers(board, &seen)); /* something is counted still */
        assert_true(untrusted_board_look_at_offers(board, &seen));
        untrusted_board_settle_offers(board, &seen);
        assert_int_equal(*taken, 3);
        assert_int_equal(untrusted_board_waiting(board), 4);
        assert_false(untrusted_board_look_at_offers(board, &seen)); /* nothing to put right */

        *taken = 5; /* the park was killed before it counted, or a worker that had been stopped goes on */
        assert_int_equal(untrusted_board_waiting(board), 4);
        assert_false(untrusted_board_look_at_offers(board, &seen));
        assert_true(untrusted_board_look_at_offers(board, &seen));
        *taken = 6; /* between the look and what comes of it */
        untrusted_board_settle_offers(board, &seen);
        assert_int_equal(*taken, 6);

        *sent = UINT64_MAX;
        *taken = 0;
        board->header.park.waiting = UINT64_MAX;
        assert_int_equal(untrusted_board_waiting(board), UINT_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_idle, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_has_served, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_park, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_offers, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
