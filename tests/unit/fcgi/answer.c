/* SPDX-License-Identifier: MIT */
/* Records that are answered by themselves, between requests and within one. */

#include "fcgi/answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "base/macros.h"
#include "talk.h"

#define VALUES_TEXT "\15\1FCGI_MAX_REQS7\17\1FCGI_MPXS_CONNS0"

static const struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT, .max_conns = 5, .max_reqs = 7 };

static const struct {
        const char *sentence;
        struct record records[8];
        struct record answer; /* of type 0: none, for a violation */
        bool close;
} rows[] = {
        { "a question", { R(FCGI_GET_VALUES, 0, QUERY) }, R(FCGI_GET_VALUES_RESULT, 0, VALUES_TEXT) },
        { "a question in a request",
          { BEGIN(1), R(FCGI_GET_VALUES, 0, QUERY), PARAMS(1, "") },
          R(FCGI_GET_VALUES_RESULT, 0, VALUES_TEXT) },
        { "a question in its parameters",
          { BEGIN(1), PARAMS(1, "\1\1ab"), R(FCGI_GET_VALUES, 0, QUERY) },
          R(FCGI_GET_VALUES_RESULT, 0, VALUES_TEXT) },
        { "a question that ends inside a pair", { R(FCGI_GET_VALUES, 0, "\5") }, {} },
        { "a second request beside the first", { BEGIN(1), BEGIN(2) }, END(2, "\0\0\0\0\1\0\0\0") },
        { "a role that is not served",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\4\0\0\0\0\0\0") },
          END(3, "\0\0\0\0\3\0\0\0"),
          .close = true },
        { "the same on a connection that is kept",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\4\1\0\0\0\0\0") },
          END(3, "\0\0\0\0\3\0\0\0") },
        { "an unknown type", { R(77, 0, "x") }, R(FCGI_UNKNOWN_TYPE, 0, "\115\0\0\0\0\0\0\0") },
};

/* Over these bytes, of which nothing behind the record has been looked at. */
static void check(size_t i, const uint8_t *bytes, size_t n) {
        const struct record expected[] = { rows[i].answer, {} };
        struct fcgi_answer answer;
        struct fcgi_scan scan = {};
        uint8_t out[FCGI_ANSWER_MAX];
        int r;

        assert_int_equal(fcgi_scan(&scan, bytes, n), FCGI_SCAN_ANSWER);
        r = fcgi_answer(&scan, bytes, n, &limits, &answer);
        if (!rows[i].answer.content) {
                assert_int_equal(r, FCGI_ANSWER_E_VIOLATION);
                assert_int_equal(answer.violation, FCGI_VIOLATION_VALUES_MALFORMED);
                return;
        }
        assert_int_equal(r, 0);
        assert_int_equal(answer.n, talk_build(expected, 0, out));
        assert_memory_equal(answer.bytes, out, answer.n);
        assert_int_equal(answer.close, rows[i].close);
        assert_int_equal(answer.violation, FCGI_VIOLATION_NONE);
}

static void test_answers(void **state) {
        static uint8_t bytes[TALK_BYTES_MAX];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                print_message("%s\n", rows[i].sentence);
                for (unsigned n_padding = 0; n_padding <= 255; n_padding++)
                        check(i, bytes, talk_build(rows[i].records, (uint8_t)n_padding, bytes));
        }
}

static void test_no_memory(void **state) {
        static uint8_t bytes[TALK_BYTES_MAX];
        size_t n = talk_build(rows[0].records, 0, bytes);
        struct fcgi_answer answer;
        struct fcgi_scan scan = {};

        assert_int_equal(fcgi_scan(&scan, bytes, n), FCGI_SCAN_ANSWER);
        alloc_fail_at(1);
        assert_int_equal(fcgi_answer(&scan, bytes, n, &limits, &answer), -ENOMEM);
        alloc_fail_at(0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
