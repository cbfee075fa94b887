/* SPDX-License-Identifier: MIT */
/* What the application tells of itself, and to whom. */

#include "fcgi/values.h"
#include "fcgi/decoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/params.h"

#define BYTES(s) (s), sizeof(s) - 1
#define CONNS    "\16\0FCGI_MAX_CONNS"
#define REQS     "\15\0FCGI_MAX_REQS"
#define MPXS     "\17\0FCGI_MPXS_CONNS"

static const struct {
        const char *sentence;
        const char *query;
        size_t n;
        struct fcgi_limits limits;
        const char *answer; /* NULL: malformed */
} rows[] = {
        { "nothing asked, nothing told", BYTES(""), {}, "" },
        { "multiplexing is never offered", BYTES(MPXS), {}, "FCGI_MPXS_CONNS=0;" },
        { "all three",
          BYTES(MPXS REQS CONNS),
          { .max_conns = 5, .max_reqs = 7 },
          "FCGI_MAX_CONNS=5;FCGI_MAX_REQS=7;FCGI_MPXS_CONNS=0;" },
        { "a number we were not given is left out",
          BYTES(MPXS REQS CONNS),
          { .max_reqs = 7 },
          "FCGI_MAX_REQS=7;FCGI_MPXS_CONNS=0;" },
        { "nor is the other one made up",
          BYTES(MPXS REQS CONNS),
          { .max_conns = 5 },
          "FCGI_MAX_CONNS=5;FCGI_MPXS_CONNS=0;" },
        { "the largest numbers fit",
          BYTES(MPXS REQS CONNS),
          { .max_conns = UINT32_MAX, .max_reqs = UINT32_MAX },
          "FCGI_MAX_CONNS=4294967295;FCGI_MAX_REQS=4294967295;FCGI_MPXS_CONNS=0;" },
        { "unknown names are left out", BYTES("\1\0X" REQS), { .max_conns = 5, .max_reqs = 7 }, "FCGI_MAX_REQS=7;" },
        { "a name asked twice is told once", BYTES(REQS REQS), { .max_reqs = 7 }, "FCGI_MAX_REQS=7;" },
        { "values in the query mean nothing", BYTES("\15\1FCGI_MAX_REQS9"), { .max_reqs = 7 }, "FCGI_MAX_REQS=7;" },
        { "a query that ends inside a pair", BYTES(REQS "\17"), { .max_reqs = 7 }, NULL },
};

static void check(const uint8_t *out, size_t n_out, const char *answer) {
        _cleanup_text_ struct text told = {};
        struct fcgi_header h;
        struct fcgi_pair pair;
        size_t pos = 0;

        fcgi_record_decode_header(out, &h);
        assert_int_equal(h.version, FCGI_VERSION);
        assert_int_equal(h.type, FCGI_GET_VALUES_RESULT);
        assert_int_equal(h.request_id, FCGI_NULL_REQUEST_ID);
        assert_int_equal(h.n_padding, 0);
        assert_int_equal(FCGI_HEADER_SIZE + h.n_content, n_out);
        while (fcgi_params_next(out + FCGI_HEADER_SIZE, h.n_content, &pos, &pair) == 1)
                text_printf(&told, "%.*s=%.*s;", (int)pair.n_name, pair.name, (int)pair.n_value, pair.value);
        assert_int_equal(pos, h.n_content);
        assert_string_equal(text_peek(&told), answer);
}

static void test_answers(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint8_t out[FCGI_VALUES_RESULT_MAX];
                size_t n_out = 99;
                int r;

                print_message("%s\n", rows[i].sentence);
                r = fcgi_values_answer((const uint8_t *)rows[i].query, rows[i].n, &rows[i].limits, out, &n_out);
                assert_int_equal(r, rows[i].answer ? 0 : FCGI_VALUES_E_MALFORMED);
                if (rows[i].answer)
                        check(out, n_out, rows[i].answer);
                else
                        assert_int_equal(n_out, 99);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
