/* SPDX-License-Identifier: MIT */
/* Headers, numbers, and the cursor over a stream of records. */

#include "fcgi/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static void test_header_has_the_bytes_of_the_specification(void **state) {
        uint8_t out[FCGI_HEADER_SIZE];

        memset(out, 0xff, sizeof(out));
        fcgi_record_encode_header(
                out,
                &(struct fcgi_header){ .type = FCGI_STDIN, .request_id = 0x1234, .n_content = 0xabcd, .n_padding = 7 });
        assert_memory_equal(out, "\1\5\x12\x34\xab\xcd\7\0", sizeof(out));
}

static void test_header_reads_back(void **state) {
        static const struct fcgi_header headers[] = {
                { 1, FCGI_BEGIN_REQUEST, 0, 0, 0 },
                { 1, FCGI_PARAMS, 1, 255, 255 },
                { 1, 255, 0xffff, 0xffff, 1 },
                { 1, FCGI_STDOUT, 0x0100, 0x0001, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(headers); i++) {
                const struct fcgi_header *h = &headers[i];
                uint8_t bytes[FCGI_HEADER_SIZE];
                struct fcgi_header back;

                fcgi_record_encode_header(bytes, h);
                fcgi_record_decode_header(bytes, &back);
                assert_int_equal(back.version, h->version);
                assert_int_equal(back.type, h->type);
                assert_int_equal(back.request_id, h->request_id);
                assert_int_equal(back.n_content, h->n_content);
                assert_int_equal(back.n_padding, h->n_padding);
        }
}

static void test_numbers_have_their_first_byte_first(void **state) {
        uint8_t out[4];

        fcgi_record_write_u32(out, 0xfedcba98);
        assert_memory_equal(out, "\xfe\xdc\xba\x98", 4);
        assert_int_equal(fcgi_record_read_u32(out), 0xfedcba98);
        fcgi_record_write_u16(out, 0x80ff);
        assert_memory_equal(out, "\x80\xff", 2);
        assert_int_equal(fcgi_record_read_u16(out), 0x80ff);
}

/* Two records, "ab" and an empty one, with that padding; fed in pieces of that size. */
static void walk(uint8_t n_padding, size_t n_piece) {
        uint8_t bytes[2 * (FCGI_HEADER_SIZE + 255) + 2] = {}, got[2];
        struct fcgi_record r = {};
        struct fcgi_slice content;
        size_t n = 0, n_opened = 0, n_got = 0;

        fcgi_record_encode_header(
                bytes,
                &(struct fcgi_header){ .type = FCGI_STDIN, .request_id = 1, .n_content = 2, .n_padding = n_padding });
        memcpy(bytes + FCGI_HEADER_SIZE, "ab", 2);
        n = FCGI_HEADER_SIZE + 2 + n_padding;
        fcgi_record_encode_header(
                bytes + n, &(struct fcgi_header){ .type = FCGI_STDOUT, .request_id = 2, .n_padding = n_padding });
        n += FCGI_HEADER_SIZE + n_padding;

        assert_true(fcgi_record_between(&r));
        for (size_t at = 0; at < n; at += n_piece) {
                struct fcgi_slice in = { bytes + at, MIN(n_piece, n - at) };

                while (in.n > 0)
                        if (fcgi_record_take(&r, &in, &content)) {
                                assert_in_range(content.n, 1, 2 - n_got);
                                memcpy(got + n_got, content.data, content.n);
                                n_got += content.n;
                        } else if (fcgi_record_open(&r, &in)) {
                                assert_int_equal(r.header.request_id, ++n_opened);
                        }
                assert_int_equal(fcgi_record_between(&r),
                                 at + n_piece >= n || at + n_piece == FCGI_HEADER_SIZE + 2 + n_padding);
        }
        assert_int_equal(n_opened, 2);
        assert_int_equal(n_got, 2);
        assert_memory_equal(got, "ab", 2);
}

static void test_cursor_takes_any_split_and_any_padding(void **state) {
        for (unsigned n_padding = 0; n_padding <= 255; n_padding++)
                for (size_t n_piece = 1; n_piece <= 24; n_piece++)
                        walk((uint8_t)n_padding, n_piece);
}

static void test_cursor_needs_no_input_to_say_so(void **state) {
        struct fcgi_record r = {};
        struct fcgi_slice in = {}, content;

        assert_false(fcgi_record_open(&r, &in));
        assert_false(fcgi_record_take(&r, &in, &content));
        r.n_left = 3;
        assert_false(fcgi_record_take(&r, &in, &content));
        assert_false(fcgi_record_between(&r));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header_has_the_bytes_of_the_specification),
                cmocka_unit_test(test_header_reads_back),
                cmocka_unit_test(test_numbers_have_their_first_byte_first),
                cmocka_unit_test(test_cursor_takes_any_split_and_any_padding),
                cmocka_unit_test(test_cursor_needs_no_input_to_say_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
