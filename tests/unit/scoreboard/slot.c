/* SPDX-License-Identifier: MIT */
/* A slot's writer: what an assignment resets, what it keeps, and a counter that is even when nobody writes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scoreboard/slot.h"

static uint32_t seq_of(const struct scoreboard_slot *slot) {
        return atomic_load(&slot->seq);
}

/* A slot that a worker has used, with every byte set. */
static void slot_use(struct scoreboard_slot *slot) {
        memset(slot, 'u', sizeof(*slot));
        atomic_store(&slot->seq, 10);
        slot->accepted = 100;
        slot->requests = 200;
        slot->logs_lost[1] = 300;
        slot->request_wall = 400;
}

static void assert_nothing_of_the_last_request(const struct scoreboard_slot *slot) {
        static const char zeros[SCOREBOARD_URI_MAX];

        assert_int_equal(slot->pid, 0);
        assert_int_equal(slot->request_id, 0);
        assert_int_equal(slot->request_mono, 0);
        assert_int_equal(slot->duration, 0);
        assert_int_equal(slot->cpu, 0);
        assert_int_equal(slot->memory, 0);
        assert_int_equal(slot->content_length, 0);
        assert_memory_equal(slot->method, zeros, sizeof(slot->method));
        assert_memory_equal(slot->user, zeros, sizeof(slot->user));
        assert_memory_equal(slot->uri, zeros, sizeof(slot->uri));
        assert_memory_equal(slot->query, zeros, sizeof(slot->query));
        assert_memory_equal(slot->script, zeros, sizeof(slot->script));
}

static void assert_sums_stay(const struct scoreboard_slot *slot) {
        assert_int_equal(slot->accepted, 100);
        assert_int_equal(slot->requests, 200);
        assert_int_equal(slot->logs_lost[1], 300);
        assert_int_equal(slot->request_wall, 400);
}

static void test_assign(void **state) {
        struct scoreboard_slot slot;
        usec_t wall = time_wall();

        slot_use(&slot);
        slot_assign(&slot, 3, 12345);
        assert_int_equal(seq_of(&slot), 12);
        assert_int_equal(slot.stage, STAGE_CREATING);
        assert_int_equal(slot.generation, 3);
        assert_int_equal(slot.start_mono, 12345);
        assert_int_equal(slot.stage_mono, 12345);
        assert_in_range(slot.start_wall, wall, time_wall());
        assert_nothing_of_the_last_request(&slot);
        assert_sums_stay(&slot);
}

static void test_clear(void **state) {
        struct scoreboard_slot slot;

        slot_use(&slot);
        slot_clear(&slot);
        assert_int_equal(seq_of(&slot), 12);
        assert_int_equal(slot.stage, STAGE_NONE);
        assert_int_equal(slot.generation, 0);
        assert_int_equal(slot.start_mono, 0);
        assert_int_equal(slot.stage_mono, 0);
        assert_nothing_of_the_last_request(&slot);
        assert_sums_stay(&slot);
}

static void test_counter_is_odd_between(void **state) {
        struct scoreboard_slot slot = {};

        slot_begin(&slot);
        assert_int_equal(seq_of(&slot), 1);
        slot_end(&slot);
        assert_int_equal(seq_of(&slot), 2);
}

/* A writer killed between begin and end leaves it odd; whoever has the slot next leaves it even, and not as it was
 * before. */
static void test_odd_counter_is_mended(void **state) {
        struct scoreboard_slot slot = {};

        slot_begin(&slot);
        slot_assign(&slot, 1, 1);
        assert_int_equal(seq_of(&slot), 2);
        slot_begin(&slot);
        slot_clear(&slot);
        assert_int_equal(seq_of(&slot), 4);
}

static void test_counter_wraps(void **state) {
        struct scoreboard_slot slot = { .seq = UINT32_MAX - 1 };

        slot_begin(&slot);
        assert_int_equal(seq_of(&slot), UINT32_MAX);
        slot_end(&slot);
        assert_int_equal(seq_of(&slot), 0);
}

/* No two writers share a cache line. */
static void test_slots_begin_on_lines_of_their_own(void **state) {
        assert_int_equal(sizeof(struct scoreboard_slot) % 64, 0);
        assert_int_equal(offsetof(struct scoreboard, slots) % 64, 0);
        assert_int_equal(offsetof(struct scoreboard, slots) % 4096, 0); /* the header is the master's */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_assign),
                cmocka_unit_test(test_clear),
                cmocka_unit_test(test_counter_is_odd_between),
                cmocka_unit_test(test_odd_counter_is_mended),
                cmocka_unit_test(test_counter_wraps),
                cmocka_unit_test(test_slots_begin_on_lines_of_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
