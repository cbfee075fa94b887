/* SPDX-License-Identifier: MIT */
/* The responder's decoder step by step: what a caller may do in the middle, memory, limits. */

#include "fcgi/decoder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "fcgi/index.h"
#include "fcgi/values.h"
#include "talk.h"

static const struct fcgi_limits limits = { .params_max = 64, .max_reqs = 7 };

static void step(struct fcgi_decoder *d, const uint8_t **in, size_t *n, enum fcgi_event_type expected) {
        struct fcgi_event e;
        size_t used;

        assert_int_equal(fcgi_decoder_step(d, *in, *n, &used, &e), 0);
        assert_int_equal(e.type, expected);
        *in += used;
        *n -= used;
}

/* A decoder and the bytes it has not been given yet. */
struct feed {
        struct fcgi_decoder d;
        uint8_t bytes[256];
        const uint8_t *in;
        size_t n;
};

static void feed_records(struct feed *f, const struct record *records, uint8_t n_padding) {
        f->in = f->bytes;
        f->n = talk_build(records, n_padding, f->bytes);
}

static void feed_begin(struct feed *f, const struct record *records, uint8_t n_padding) {
        assert_int_equal(fcgi_decoder_init(&f->d, &limits), 0);
        feed_records(f, records, n_padding);
}

static void feed_step(struct feed *f, enum fcgi_event_type expected) {
        step(&f->d, &f->in, &f->n, expected);
}

/* The next n bytes as if there were no more yet. */
static void feed_part(struct feed *f, size_t n, enum fcgi_event_type expected) {
        size_t n_later = f->n - n;

        f->n = n;
        feed_step(f, expected);
        f->n += n_later;
}

static const struct record small_request[] = {
        BEGIN_KEEP(1), PARAMS(1, "\1\1AB\1\1CD"), PARAMS(1, ""), STDIN(1, ""), {}
};

static void test_a_request_in_one_buffer_allocates_once_in_a_connections_life(void **state) {
        uint8_t bytes[256];
        size_t n_bytes = talk_build(small_request, 0, bytes);
        struct fcgi_decoder d;

        assert_int_equal(fcgi_decoder_init(&d, &(struct fcgi_limits){ .params_max = FCGI_PARAMS_MAX_DEFAULT }), 0);
        alloc_fail_at(0);
        for (unsigned i = 0; i < 3; i++) {
                const uint8_t *in = bytes;
                size_t n = n_bytes;

                step(&d, &in, &n, FCGI_EVENT_BEGIN);
                step(&d, &in, &n, FCGI_EVENT_HEAD);
                assert_int_equal(d.n_params, 8);
                step(&d, &in, &n, FCGI_EVENT_BODY_END);
                assert_int_equal(n, 0);
                fcgi_decoder_end_request(&d);
                assert_int_equal(d.n_params, 0);
                assert_int_equal(alloc_count, 1);
        }
        fcgi_decoder_done(&d);
}

static void test_a_request_may_end_inside_a_record_of_its_body(void **state) {
        static const struct record t[] = {
                BEGIN_KEEP(1), PARAMS(1, ""), STDIN(1, "abcdef"), STDIN(1, ""), BEGIN(2), PARAMS(2, ""), {}
        };
        struct feed f;

        feed_begin(&f, t, 3);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_step(&f, FCGI_EVENT_HEAD);
        feed_part(&f, 3 + 8 + 2, FCGI_EVENT_BODY); /* two of the six bytes */
        fcgi_decoder_end_request(&f.d);
        assert_false(fcgi_decoder_idle(&f.d));
        feed_step(&f, FCGI_EVENT_BEGIN);
        assert_int_equal(f.d.request_id, 2);
        feed_step(&f, FCGI_EVENT_HEAD);
        fcgi_decoder_done(&f.d);
}

static void test_a_request_may_end_inside_a_record_of_its_parameters(void **state) {
        static const struct record t[] = { BEGIN_KEEP(1), PARAMS(1, "\1\1AB"), BEGIN(2), PARAMS(2, ""), {} };
        struct feed f;

        feed_begin(&f, t, 0);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_part(&f, 8 + 3, FCGI_EVENT_MORE); /* three of the four bytes */
        assert_int_equal(f.d.n_params, 3);
        fcgi_decoder_end_request(&f.d);
        feed_step(&f, FCGI_EVENT_BEGIN);
        assert_int_equal(f.d.n_params, 0);
        feed_step(&f, FCGI_EVENT_HEAD);
        fcgi_decoder_done(&f.d);
}

/* The caller may end a request at any time, even when a record that is not part of it has come in half. */
static void test_ending_a_request_leaves_management_records_alone(void **state) {
        static const struct record t[] = { BEGIN_KEEP(1), R(FCGI_GET_VALUES, 0, QUERY), {} };
        struct feed f;

        feed_begin(&f, t, 0);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_part(&f, 8 + 3, FCGI_EVENT_MORE);
        fcgi_decoder_end_request(&f.d);
        feed_step(&f, FCGI_EVENT_REPLY);
        assert_true(fcgi_decoder_idle(&f.d));
        fcgi_decoder_done(&f.d);
}

static void test_idle_only_between_whole_records(void **state) {
        static const struct record t[] = { STDIN(1, "abc"), {} };
        uint8_t bytes[64];
        size_t n = talk_build(t, 5, bytes);
        struct fcgi_decoder d;

        assert_int_equal(fcgi_decoder_init(&d, &limits), 0);
        for (size_t at = 0; at < n; at++) {
                const uint8_t *in = bytes + at;
                size_t one = 1;

                assert_int_equal(fcgi_decoder_idle(&d), at == 0);
                assert_int_equal(fcgi_decoder_between_records(&d), at == 0);
                step(&d, &in, &one, FCGI_EVENT_MORE);
        }
        assert_true(fcgi_decoder_idle(&d));
        fcgi_decoder_done(&d);
}

static void test_a_violation_stays(void **state) {
        static const struct record t[] = { BEGIN(0), BEGIN(1), {} };
        struct fcgi_event e;
        struct feed f;
        size_t before;

        feed_begin(&f, t, 0);
        feed_step(&f, FCGI_EVENT_VIOLATION);
        before = f.n;
        feed_step(&f, FCGI_EVENT_VIOLATION);
        assert_int_equal(f.n, before);
        assert_int_equal(fcgi_decoder_step(&f.d, f.in, 0, &before, &e), 0);
        assert_int_equal(e.violation, FCGI_VIOLATION_NULL_REQUEST_ID);
        fcgi_decoder_done(&f.d);
}

static void test_reset_forgets_all_but_the_memory(void **state) {
        static const struct record broken[] = { BEGIN_KEEP(1), PARAMS(1, "\1\1AB"), BEGIN(1), {} };
        struct feed f;

        feed_begin(&f, broken, 9);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_step(&f, FCGI_EVENT_VIOLATION);
        assert_false(fcgi_decoder_idle(&f.d));
        fcgi_decoder_reset(&f.d);
        assert_true(fcgi_decoder_idle(&f.d));
        alloc_fail_at(1);
        feed_records(&f, small_request, 0);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_step(&f, FCGI_EVENT_HEAD);
        assert_int_equal(f.d.n_params, 8);
        assert_int_equal(alloc_count, 0);
        alloc_fail_at(0);
        fcgi_decoder_done(&f.d);
}

static void test_values_larger_than_the_limit(void **state) {
        for (unsigned over = 0; over <= 1; over++) {
                uint8_t bytes[FCGI_HEADER_SIZE + FCGI_VALUES_QUERY_MAX] = {}; /* empty pairs */
                const uint8_t *in = bytes;
                size_t n = sizeof(bytes);
                struct fcgi_decoder d;

                assert_int_equal(fcgi_decoder_init(&d, &limits), 0);
                fcgi_record_encode_header(
                        bytes, &(struct fcgi_header){ .type = FCGI_GET_VALUES,
                                                      .n_content = (uint16_t)(FCGI_VALUES_QUERY_MAX + over) });
                step(&d, &in, &n, over ? FCGI_EVENT_VIOLATION : FCGI_EVENT_REPLY);
                fcgi_decoder_done(&d);
        }
}

/* Sixteen of the largest records: the block doubles instead of growing by each of them, and what is in it stays. */
static void test_the_block_doubles_and_keeps_its_bytes(void **state) {
        static uint8_t record[FCGI_HEADER_SIZE + FCGI_CONTENT_MAX];
        uint8_t begin[64];
        const uint8_t *in = begin;
        size_t n = talk_build((const struct record[]){ BEGIN(1), {} }, 0, begin);
        struct fcgi_decoder d;

        assert_int_equal(fcgi_decoder_init(&d, &(struct fcgi_limits){ .params_max = FCGI_PARAMS_MAX_DEFAULT }), 0);
        step(&d, &in, &n, FCGI_EVENT_BEGIN);
        alloc_fail_at(0);
        fcgi_record_encode_header(
                record, &(struct fcgi_header){ .type = FCGI_PARAMS, .request_id = 1, .n_content = FCGI_CONTENT_MAX });
        for (unsigned i = 0; i < 16; i++) {
                memset(record + FCGI_HEADER_SIZE, (int)i, FCGI_CONTENT_MAX);
                in = record;
                n = sizeof(record);
                step(&d, &in, &n, FCGI_EVENT_MORE);
        }
        assert_in_range(alloc_count, 1, 5);
        assert_int_equal(d.n_params, 16 * FCGI_CONTENT_MAX);
        for (size_t i = 0; i < d.n_params; i++)
                assert_int_equal(d.params[i], i / FCGI_CONTENT_MAX);
        in = record;
        n = sizeof(record);
        step(&d, &in, &n, FCGI_EVENT_VIOLATION);
        fcgi_decoder_done(&d);
}

static void test_memory_that_runs_out_is_said(void **state) {
        uint8_t bytes[256];
        const uint8_t *in = bytes;
        size_t n = talk_build(small_request, 0, bytes), used;
        struct fcgi_decoder d = {};
        struct fcgi_index x = {};
        struct fcgi_event e;

        alloc_fail_at(1);
        assert_int_equal(fcgi_decoder_init(&d, &limits), -ENOMEM);
        assert_null(d.p);
        for (unsigned i = 2; i <= 3; i++) { /* the block, and the index */
                const uint8_t *at = in;
                size_t left = n;

                alloc_fail_at(i);
                assert_int_equal(fcgi_decoder_init(&d, &limits), 0);
                d.index = &x;
                step(&d, &at, &left, FCGI_EVENT_BEGIN);
                assert_int_equal(fcgi_decoder_step(&d, at, left, &used, &e), -ENOMEM);
                assert_int_equal(alloc_count, i);
                fcgi_decoder_done(&d);
        }
        fcgi_index_done(&x);
        alloc_fail_at(0);
}

/* Head after head the index is of the request in hand, also after one that was broken. */
static void test_the_index_is_of_the_request(void **state) {
        static const struct record t[] = { BEGIN_KEEP(1), PARAMS(1, "\1\1A"), PARAMS(1, "B\1\1CD"),
                                           PARAMS(1, ""), STDIN(1, ""),       {} };
        static const struct record broken[] = { BEGIN_KEEP(1), PARAMS(1, "\1\1EF\1"), PARAMS(1, ""), {} };
        static const struct record empty[] = { BEGIN_KEEP(1), PARAMS(1, ""), STDIN(1, ""), {} };
        struct fcgi_index x = {};
        struct feed f;

        feed_begin(&f, t, 0);
        f.d.index = &x;
        feed_step(&f, FCGI_EVENT_BEGIN);
        assert_int_equal(x.n, 0);
        feed_step(&f, FCGI_EVENT_HEAD);
        assert_int_equal(x.n, 2);
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, "A", 1)), "B");
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, "C", 1)), "D");
        feed_step(&f, FCGI_EVENT_BODY_END);
        assert_int_equal(x.n, 2);
        fcgi_decoder_end_request(&f.d);
        assert_int_equal(x.n, 0);

        feed_records(&f, empty, 0);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_step(&f, FCGI_EVENT_HEAD);
        assert_int_equal(x.n, 0);
        assert_null(fcgi_index_find(&x, "A", 1));
        feed_step(&f, FCGI_EVENT_BODY_END);
        fcgi_decoder_end_request(&f.d);

        feed_records(&f, broken, 0);
        feed_step(&f, FCGI_EVENT_BEGIN);
        feed_step(&f, FCGI_EVENT_VIOLATION);
        assert_null(fcgi_index_find(&x, "E", 1));
        fcgi_decoder_reset(&f.d);
        assert_ptr_equal(f.d.index, &x);
        fcgi_decoder_done(&f.d);
        fcgi_index_done(&x);
}

static void test_every_violation_has_a_text(void **state) {
        for (unsigned v = 0; v < _FCGI_VIOLATION_MAX; v++) {
                assert_non_null(fcgi_decoder_violation_text(v));
                for (unsigned other = 0; other < v; other++)
                        assert_string_not_equal(fcgi_decoder_violation_text(v), fcgi_decoder_violation_text(other));
        }
}

static void test_what_is_to_come_of_a_record(void **state) {
        uint8_t bytes[FCGI_HEADER_SIZE + 12] = {};
        struct fcgi_decoder d;
        struct fcgi_event e;
        size_t used;

        assert_int_equal(fcgi_decoder_init(&d, &limits), 0);
        fcgi_record_encode_header(
                bytes, &(struct fcgi_header){ .type = FCGI_STDIN, .request_id = 1, .n_content = 5, .n_padding = 7 });
        for (size_t at = 0; at <= sizeof(bytes); at++) {
                assert_int_equal(fcgi_decoder_rest(&d), at < FCGI_HEADER_SIZE ? 0 : sizeof(bytes) - at);
                if (at < sizeof(bytes))
                        assert_int_equal(fcgi_decoder_step(&d, bytes + at, 1, &used, &e), 0);
        }
        fcgi_decoder_done(&d);
}

/* Fed up to each byte of a record behind a request, the decoder gives back what has come of it, unless that was nothing
 * worth having. */
static void give_back_everywhere(uint8_t type, size_t n_content, bool whole_only) {
        uint8_t bytes[FCGI_HEADER_SIZE + 64] = {}, back[FCGI_GIVE_BACK_MAX];
        size_t n = FCGI_HEADER_SIZE + n_content + 3, used;

        fcgi_record_encode_header(
                bytes, &(struct fcgi_header){
                               .type = type, .request_id = 1, .n_content = (uint16_t)n_content, .n_padding = 3 });
        for (size_t at = 0; at < n; at++) {
                size_t expected = at < FCGI_HEADER_SIZE || (whole_only && at < FCGI_HEADER_SIZE + n_content) ? at : 0;
                struct fcgi_decoder d;
                struct fcgi_event e;

                assert_int_equal(fcgi_decoder_init(&d, &limits), 0);
                for (size_t i = 0; i < at; i++)
                        assert_int_equal(fcgi_decoder_step(&d, bytes + i, 1, &used, &e), 0);
                assert_int_equal(fcgi_decoder_give_back(&d, back), expected);
                assert_memory_equal(back, bytes, expected);
                assert_int_equal(fcgi_decoder_give_back(&d, back), 0);
                assert_int_equal(fcgi_decoder_rest(&d), expected > 0 || at == 0 ? 0 : n - at);
                fcgi_decoder_done(&d);
        }
}

static void test_what_is_not_whole_is_given_back(void **state) {
        give_back_everywhere(FCGI_BEGIN_REQUEST, 8, true);
        give_back_everywhere(FCGI_GET_VALUES, 20, true);
        give_back_everywhere(FCGI_STDIN, 20, false); /* of no request: it is skipped */
        give_back_everywhere(FCGI_ABORT_REQUEST, 0, false);
}

static void test_done_accepts_what_never_was(void **state) {
        struct fcgi_decoder d = {};

        fcgi_decoder_done(&d);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_request_in_one_buffer_allocates_once_in_a_connections_life),
                cmocka_unit_test(test_a_request_may_end_inside_a_record_of_its_body),
                cmocka_unit_test(test_a_request_may_end_inside_a_record_of_its_parameters),
                cmocka_unit_test(test_ending_a_request_leaves_management_records_alone),
                cmocka_unit_test(test_idle_only_between_whole_records),
                cmocka_unit_test(test_a_violation_stays),
                cmocka_unit_test(test_reset_forgets_all_but_the_memory),
                cmocka_unit_test(test_values_larger_than_the_limit),
                cmocka_unit_test(test_the_block_doubles_and_keeps_its_bytes),
                cmocka_unit_test(test_memory_that_runs_out_is_said),
                cmocka_unit_test(test_the_index_is_of_the_request),
                cmocka_unit_test(test_every_violation_has_a_text),
                cmocka_unit_test(test_what_is_to_come_of_a_record),
                cmocka_unit_test(test_what_is_not_whole_is_given_back),
                cmocka_unit_test(test_done_accepts_what_never_was),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
