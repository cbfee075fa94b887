/* SPDX-License-Identifier: MIT */
/* Records of fixed size against their bytes in the specification. */

#include "fcgi/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_end_request(void **state) {
        uint8_t out[FCGI_END_REQUEST_SIZE];

        memset(out, 0xff, sizeof(out));
        fcgi_reply_end_request(out, 0x0102, 0xfedcba98, FCGI_REQUEST_COMPLETE);
        assert_memory_equal(out, "\1\3\1\2\0\10\0\0\xfe\xdc\xba\x98\0\0\0\0", 16);
        fcgi_reply_end_request(out, 1, 0, FCGI_OVERLOADED);
        assert_memory_equal(out, "\1\3\0\1\0\10\0\0\0\0\0\0\2\0\0\0", 16);
}

static void test_whole(void **state) {
        uint8_t out[FCGI_REPLY_WHOLE_SIZE(3)];

        memset(out, 0xff, sizeof(out));
        assert_int_equal(fcgi_reply_whole(out, 0x0102, "abc", 3), 32);
        assert_memory_equal(out, "\1\6\1\2\0\3\5\0abc\0\0\0\0\0\1\3\1\2\0\10\0\0\0\0\0\0\0\0\0\0", 32);
        assert_int_equal(fcgi_reply_whole(out, 1, "12345678", 8), 32);
        assert_memory_equal(out, "\1\6\0\1\0\10\0\00012345678\1\3\0\1\0\10\0\0", 24);
}

static void test_unknown_type(void **state) {
        uint8_t out[16];

        memset(out, 0xff, sizeof(out));
        fcgi_reply_unknown_type(out, 200);
        assert_memory_equal(out, "\1\13\0\0\0\10\0\0\310\0\0\0\0\0\0\0", 16);
}

static void test_begin_request(void **state) {
        uint8_t out[16];

        memset(out, 0xff, sizeof(out));
        fcgi_reply_begin_request(out, 0xffff, FCGI_RESPONDER, false);
        assert_memory_equal(out, "\1\1\377\377\0\10\0\0\0\1\0\0\0\0\0\0", 16);
        fcgi_reply_begin_request(out, 1, FCGI_FILTER, true);
        assert_memory_equal(out, "\1\1\0\1\0\10\0\0\0\3\1\0\0\0\0\0", 16);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_end_request),
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_unknown_type),
                cmocka_unit_test(test_begin_request),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
