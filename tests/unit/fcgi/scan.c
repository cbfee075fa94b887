/* SPDX-License-Identifier: MIT */
/* fcgi/scan.h: what the bytes so far are good for. Every conversation is heard whole, byte by byte, and with padding.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "fcgi/scan.h"
#include "fcgi/values.h"

#include "talk.h"

#define HEAD   "\16\4REQUEST_METHODPOST\16\1CONTENT_LENGTH5"
#define GET    "\16\3REQUEST_METHODGET"
#define EMPTY  "\16\4REQUEST_METHODPOST\16\1CONTENT_LENGTH0"
#define ODD    "\16\4REQUEST_METHODPOST\16\3CONTENT_LENGTH3,0"
#define VOID   "\16\4REQUEST_METHODPOST\16\0CONTENT_LENGTH"
#define HEX    "\16\4REQUEST_METHODPOST\16\3CONTENT_LENGTH3fx"
#define LONG   "\16\4REQUEST_METHODPOST\16\24CONTENT_LENGTH18446744073709551620"
#define BROKEN "\16\4REQUEST_METHODPO"

static const struct {
        const char *name;
        struct record records[8];
        enum fcgi_scan_verdict verdict;
} rows[] = {
        { "nothing", { {} }, FCGI_SCAN_MORE },
        { "a request without a body", { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "") }, FCGI_SCAN_WHOLE },
        { "a request with a body",
          { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "01"), STDIN(1, "234"), STDIN(1, "") },
          FCGI_SCAN_WHOLE },
        { "begun only", { BEGIN(1) }, FCGI_SCAN_MORE },
        { "parameters without their end", { BEGIN(1), PARAMS(1, HEAD) }, FCGI_SCAN_MORE },
        { "a body without its end", { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "01234") }, FCGI_SCAN_WHOLE },
        { "part of a body", { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "0123") }, FCGI_SCAN_MORE },
        { "a body of an empty length", { BEGIN(1), PARAMS(1, VOID), PARAMS(1, ""), STDIN(1, "0123") }, FCGI_SCAN_MORE },
        { "a body of another length than a number's",
          { BEGIN(1), PARAMS(1, HEX), PARAMS(1, ""), STDIN(1, "0123") },
          FCGI_SCAN_MORE },
        { "a body of a length beyond numbers",
          { BEGIN(1), PARAMS(1, LONG), PARAMS(1, ""), STDIN(1, "0123") },
          FCGI_SCAN_MORE },
        { "a body of no known length", { BEGIN(1), PARAMS(1, ODD), PARAMS(1, ""), STDIN(1, "0123") }, FCGI_SCAN_MORE },
        { "a head whose request has no body, GET", { BEGIN(1), PARAMS(1, GET), PARAMS(1, "") }, FCGI_SCAN_WHOLE },
        { "a head whose request has no body, by its length",
          { BEGIN(1), PARAMS(1, EMPTY), PARAMS(1, "") },
          FCGI_SCAN_WHOLE },
        { "HEAD has no body", { BEGIN(1), PARAMS(1, "\16\4REQUEST_METHODHEAD"), PARAMS(1, "") }, FCGI_SCAN_WHOLE },
        { "POST without a length has one, of any size",
          { BEGIN(1), PARAMS(1, "\16\4REQUEST_METHODPOST"), PARAMS(1, "") },
          FCGI_SCAN_MORE },
        { "PUT likewise", { BEGIN(1), PARAMS(1, "\16\3REQUEST_METHODPUT"), PARAMS(1, "") }, FCGI_SCAN_MORE },
        { "DELETE likewise", { BEGIN(1), PARAMS(1, "\16\6REQUEST_METHODDELETE"), PARAMS(1, "") }, FCGI_SCAN_MORE },
        { "an empty length is none",
          { BEGIN(1), PARAMS(1, GET "\16\0CONTENT_LENGTH"), PARAMS(1, "") },
          FCGI_SCAN_WHOLE },
        { "a length below nothing, GET",
          { BEGIN(1), PARAMS(1, GET "\16\2CONTENT_LENGTH-1"), PARAMS(1, "") },
          FCGI_SCAN_MORE },
        { "and with all that comes",
          { BEGIN(1), PARAMS(1, GET "\16\2CONTENT_LENGTH-1"), PARAMS(1, ""), STDIN(1, "01"), STDIN(1, "") },
          FCGI_SCAN_WHOLE },
        { "a length of two digits",
          { BEGIN(1), PARAMS(1, GET "\16\2CONTENT_LENGTH10"), PARAMS(1, "") },
          FCGI_SCAN_MORE },
        { "no parameters at all", { BEGIN(1), PARAMS(1, "") }, FCGI_SCAN_MORE },
        { "parameters of another request between them",
          { BEGIN(1), PARAMS(2, BROKEN), PARAMS(1, GET), PARAMS(1, "") },
          FCGI_SCAN_WHOLE },
        { "parameters after their end", { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), PARAMS(1, GET) }, FCGI_SCAN_TAKE },
        { "a head in many records",
          { BEGIN(1), PARAMS(1, "\16\4REQUEST_"), PARAMS(1, "METHODPOST\16"), PARAMS(1, "\1CONTENT_LENGTH0"),
            PARAMS(1, "") },
          FCGI_SCAN_WHOLE },
        { "parameters that end inside a pair", { BEGIN(1), PARAMS(1, BROKEN), PARAMS(1, "") }, FCGI_SCAN_TAKE },
        { "an abort in the head", { BEGIN(1), PARAMS(1, HEAD), ABORT(1) }, FCGI_SCAN_TAKE },
        { "an abort in the body",
          { BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "01"), ABORT(1) },
          FCGI_SCAN_TAKE },
        { "an abort of another request", { BEGIN(1), ABORT(2) }, FCGI_SCAN_MORE },
        { "another version", { { FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0\0", 8, .version = 2 } }, FCGI_SCAN_TAKE },
        { "a body before the head has ended", { BEGIN(1), PARAMS(1, HEAD), STDIN(1, "0") }, FCGI_SCAN_TAKE },
        { "the same request begun twice", { BEGIN(1), BEGIN(1) }, FCGI_SCAN_TAKE },
        { "a request with the id 0", { BEGIN(0) }, FCGI_SCAN_TAKE },
        { "a begin that is too short", { R(FCGI_BEGIN_REQUEST, 1, "\0\1\0") }, FCGI_SCAN_TAKE },
        { "a record that a client does not send", { BEGIN(1), STDOUT(1, "x") }, FCGI_SCAN_TAKE },
        { "data of the filter role", { BEGIN(1), R(FCGI_DATA, 1, "x") }, FCGI_SCAN_MORE },
        { "the rest of a request that has ended", { STDIN(1, "0123"), STDIN(1, "") }, FCGI_SCAN_MORE },
        { "a request behind the rest of another",
          { STDIN(1, "0123"), STDIN(1, ""), BEGIN(1), PARAMS(1, HEAD), PARAMS(1, ""), STDIN(1, "") },
          FCGI_SCAN_WHOLE },
        { "a question between requests", { R(FCGI_GET_VALUES, 0, QUERY) }, FCGI_SCAN_ANSWER },
        { "a question in a request", { BEGIN(1), R(FCGI_GET_VALUES, 0, QUERY) }, FCGI_SCAN_ANSWER },
        { "a second request beside the first", { BEGIN(1), BEGIN(2) }, FCGI_SCAN_ANSWER },
        { "an authorizer's, which has no STDIN",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\2\0\0\0\0\0\0"), PARAMS(1, "\16\4REQUEST_METHODPOST"), PARAMS(1, "") },
          FCGI_SCAN_WHOLE },
        { "an authorizer's with a body nevertheless",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\2\0\0\0\0\0\0"), PARAMS(1, "\16\1CONTENT_LENGTH3"), PARAMS(1, "") },
          FCGI_SCAN_MORE },
        { "a filter's",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\3\0\0\0\0\0\0"), PARAMS(1, "\16\4REQUEST_METHODPOST"), PARAMS(1, "") },
          FCGI_SCAN_MORE },
        { "a role that is not served", { R(FCGI_BEGIN_REQUEST, 1, "\0\4\0\0\0\0\0\0") }, FCGI_SCAN_ANSWER },
        { "an unknown type", { R(77, 0, "x") }, FCGI_SCAN_ANSWER },
        { "a type below the first one is not known", { R(0, 1, "") }, FCGI_SCAN_ANSWER },
        { "an answer to an unknown type", { R(FCGI_UNKNOWN_TYPE, 0, "\0\0\0\0\0\0\0\0") }, FCGI_SCAN_MORE },
};

static const char *verdict_name(enum fcgi_scan_verdict v) {
        static const char *const names[] = { "MORE", "WHOLE", "ANSWER", "TAKE" };

        return names[v];
}

static void check(size_t row, uint8_t n_padding, enum fcgi_scan_verdict got) {
        if (got != rows[row].verdict)
                print_error("%s (padding %u): %s\n", rows[row].name, n_padding, verdict_name(got));
        assert_int_equal(got, rows[row].verdict);
}

static void test_verdicts(_unused_ void **state) {
        static const uint8_t paddings[] = { 0, 7, 255 };
        uint8_t bytes[4096];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; k < ELEMENTSOF(paddings); k++) {
                        struct fcgi_scan whole = {}, split = {};
                        enum fcgi_scan_verdict v = FCGI_SCAN_MORE;
                        size_t n = talk_build(rows[i].records, paddings[k], bytes);

                        check(i, paddings[k], fcgi_scan(&whole, bytes, n));
                        for (size_t at = 0; at <= n && v == FCGI_SCAN_MORE; at++)
                                v = fcgi_scan(&split, bytes, at);
                        check(i, paddings[k], v);
                }
}

static void test_the_verdict_stays(_unused_ void **state) {
        const struct record records[] = { BEGIN(1), PARAMS(1, GET), PARAMS(1, ""), STDIN(1, ""), BEGIN(2), {} };
        struct fcgi_scan s = {};
        uint8_t bytes[256];
        size_t n = talk_build(records, 0, bytes);

        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_WHOLE);
        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_WHOLE);
        assert_false(s.no_body); /* its end has come */
}

static void test_an_answered_record_leaves_no_trace(_unused_ void **state) {
        const struct record with[] = {
                BEGIN(1), R(FCGI_GET_VALUES, 0, QUERY), PARAMS(1, GET), BEGIN(2), PARAMS(1, ""), STDIN(1, ""), {}
        };
        const struct record without[] = { BEGIN(1), PARAMS(1, GET), PARAMS(1, ""), STDIN(1, ""), {} };
        struct fcgi_scan s = {};
        uint8_t a[1024], b[1024];
        size_t n = talk_build(with, 3, a), n_b = talk_build(without, 3, b);

        assert_int_equal(fcgi_scan(&s, a, n), FCGI_SCAN_ANSWER);
        fcgi_scan_remove(&s, a, &n);
        assert_int_equal(fcgi_scan(&s, a, n), FCGI_SCAN_ANSWER);
        fcgi_scan_remove(&s, a, &n);
        assert_int_equal(fcgi_scan(&s, a, n), FCGI_SCAN_WHOLE);
        assert_int_equal(n, n_b);
        assert_memory_equal(a, b, n);
}

static void test_a_body_that_has_begun_to_come_is_waited_for(_unused_ void **state) {
        const struct record records[] = { BEGIN(1), PARAMS(1, GET), PARAMS(1, ""), STDIN(1, ""), {} };
        struct fcgi_scan s = {};
        uint8_t bytes[256];
        size_t n = talk_build(records, 0, bytes);

        assert_int_equal(fcgi_scan(&s, bytes, n - 1), FCGI_SCAN_MORE);
        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_WHOLE);
}

static void test_a_question_that_is_too_large_is_refused_by_its_header(_unused_ void **state) {
        struct fcgi_scan s = {};
        uint8_t bytes[FCGI_HEADER_SIZE];

        fcgi_record_encode_header(
                bytes, &(struct fcgi_header){ .type = FCGI_GET_VALUES, .n_content = FCGI_VALUES_QUERY_MAX + 1 });
        assert_int_equal(fcgi_scan(&s, bytes, sizeof(bytes)), FCGI_SCAN_TAKE);
}

/* More than a buffer of the park's: whoever has that decodes it. */
static void test_parameters_that_are_too_large_are_not_judged(_unused_ void **state) {
        static uint8_t bytes[3 * FCGI_RECORD_MAX];
        struct fcgi_scan s = {};
        size_t n = talk_build((const struct record[]){ BEGIN(1), {} }, 0, bytes);

        for (unsigned i = 0; i < 3; i++) {
                fcgi_record_encode_header(
                        bytes + n,
                        &(struct fcgi_header){ .type = FCGI_PARAMS, .request_id = 1, .n_content = i < 2 ? 40000 : 0 });
                n += FCGI_HEADER_SIZE + (i < 2 ? 40000 : 0);
        }
        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_MORE);
}

static void test_a_look_costs_what_has_come(_unused_ void **state) {
        const struct record records[] = { BEGIN(1), PARAMS(1, HEAD), {} };
        struct fcgi_scan s = {};
        uint8_t bytes[256];
        size_t n = talk_build(records, 0, bytes);

        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_MORE);
        memset(bytes, 0xff, n); /* what is behind it is not looked at again */
        assert_int_equal(fcgi_scan(&s, bytes, n), FCGI_SCAN_MORE);
        assert_int_equal(s.at, n);
}

static void test_what_is_wrong_is_told_before_a_record_that_is_on_its_way(_unused_ void **state) {
        const struct record records[] = { BEGIN(1), PARAMS(1, BROKEN), PARAMS(1, ""), R(77, 0, "xyz"), {} };
        struct fcgi_scan s = {};
        uint8_t bytes[256];
        size_t n = talk_build(records, 0, bytes);

        assert_int_equal(fcgi_scan(&s, bytes, n - 1), FCGI_SCAN_TAKE);
}

/* Of a request whose reply is on its way already. */
static const struct {
        const char *sentence;
        struct record records[4];
        bool over;
} rests[] = {
        { "some of its body", { STDIN(1, "0123") }, false },
        { "the end of its body", { STDIN(1, "0123"), STDIN(1, "") }, true },
        { "an abort", { STDIN(1, "0123"), ABORT(1) }, true },
        { "a record that is no end", { R(FCGI_DATA, 1, "") }, false },
        { "the end of another one's body", { STDIN(2, "") }, false },
};

static void test_the_end_of_an_answered_request_is_seen(void **state) {
        static uint8_t bytes[TALK_BYTES_MAX];

        for (size_t i = 0; i < ELEMENTSOF(rests); i++) {
                struct fcgi_scan s = { .answered = 1 };

                print_message("%s\n", rests[i].sentence);
                assert_int_equal(fcgi_scan(&s, bytes, talk_build(rests[i].records, 0, bytes)), FCGI_SCAN_MORE);
                assert_int_equal(s.answered_over, rests[i].over);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verdicts),
                cmocka_unit_test(test_the_verdict_stays),
                cmocka_unit_test(test_an_answered_record_leaves_no_trace),
                cmocka_unit_test(test_what_is_wrong_is_told_before_a_record_that_is_on_its_way),
                cmocka_unit_test(test_a_body_that_has_begun_to_come_is_waited_for),
                cmocka_unit_test(test_a_question_that_is_too_large_is_refused_by_its_header),
                cmocka_unit_test(test_parameters_that_are_too_large_are_not_judged),
                cmocka_unit_test(test_a_look_costs_what_has_come),
                cmocka_unit_test(test_the_end_of_an_answered_request_is_seen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
