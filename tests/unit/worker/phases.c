/* SPDX-License-Identifier: MIT */
/* worker/phases.h: each phase after each event against what has happened so far, told event by event. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/phases.h"

#define N_STEPS 5U

/* What has happened, each event by itself: what a phase sums up. */
struct facts {
        bool must_close, ended, failed, silent;
};

static void befall(struct facts *f, enum phases_event event) {
        f->must_close |= event == PHASES_EVENT_CLOSE;
        f->ended |= event == PHASES_EVENT_END;
        f->failed |= event == PHASES_EVENT_FAILURE || event == PHASES_EVENT_SILENCE;
        f->silent |= event == PHASES_EVENT_SILENCE;
}

static void assert_row(enum phases_connection phase, const struct facts *f) {
        const struct phases_connection_row *row = &phases_connection_rows[phase];

        assert_int_equal(row->receives, !f->ended && !f->failed);
        assert_int_equal(row->sends, !f->failed);
        assert_int_equal(row->keeps, !f->must_close && !f->ended && !f->failed);
        assert_int_equal(row->quiet, f->ended || f->silent);
}

/* All stories of N_STEPS events. */
static void tell(enum phases_connection phase, struct facts f, unsigned n_left) {
        assert_row(phase, &f);
        for (enum phases_event event = 0; n_left > 0 && event < _PHASES_EVENT_MAX; event++) {
                struct facts after = f;

                befall(&after, event);
                tell(phases_after(phase, event), after, n_left - 1);
        }
}

static void test_a_phase_says_what_has_happened(void **state) {
        (void)state;
        tell(CONNECTION_OPEN, (struct facts){}, N_STEPS);
}

static void test_silence_is_told_once(void **state) {
        (void)state;
        for (enum phases_connection phase = 0; phase < _CONNECTION_PHASE_MAX; phase++)
                assert_int_equal(phases_after(phase, PHASES_EVENT_SILENCE), CONNECTION_SILENT);
        for (enum phases_event event = 0; event < _PHASES_EVENT_MAX; event++)
                assert_int_equal(phases_after(CONNECTION_SILENT, event), CONNECTION_SILENT);
}

/* A reply that has ended takes nothing more, and no body is kept for it; before that none is thrown away. */
static void test_only_what_is_replied_to_loses_its_body(void **state) {
        (void)state;
        for (enum phases_exchange phase = 0; phase < _EXCHANGE_PHASE_MAX; phase++) {
                const struct phases_exchange_row *row = &phases_exchange_rows[phase];

                assert_int_equal(row->body == PHASES_BODY_DROP, !row->replies);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_phase_says_what_has_happened),
                cmocka_unit_test(test_silence_is_told_once),
                cmocka_unit_test(test_only_what_is_replied_to_loses_its_body),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
