/* SPDX-License-Identifier: MIT */
/* What the table of states promises, state by state. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "park/queue.h"
#include "park/states.h"

/* A state that is listened to has a time-out, or its client could hold the connection for ever. What a worker listens
 * to for the park has one as well. */
static void test_every_wait_for_a_client_ends(void **unused) {
        (void)unused;
        for (enum connection_state state = 0; state < _CONNECTION_STATE_MAX; state++) {
                bool heard = states_event(state) != STATES_EVENT_NONE || state == CONNECTION_SHELVED;
                bool is_client = states_event(state) != STATES_EVENT_SHELF;

                assert_int_equal(heard && is_client, states_clock(state) != STATES_CLOCK_NONE);
        }
}

/* Only what is received for a worker is of no use without one: a reply is still written. */
static void test_replies_need_no_worker(void **unused) {
        (void)unused;
        for (enum connection_state state = 0; state < _CONNECTION_STATE_MAX; state++) {
                bool receives = states_event(state) == STATES_EVENT_RECEIVE;

                assert_int_equal(states_wants_worker(state),
                                 receives || queue_holds(state) || state == CONNECTION_SHELVED);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_wait_for_a_client_ends),
                cmocka_unit_test(test_replies_need_no_worker),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
