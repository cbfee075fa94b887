/* SPDX-License-Identifier: MIT */
/* Blocks of name-value pairs, as text and back. */

#include "fcgi/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"

#define BYTES(s) (s), sizeof(s) - 1

static const struct {
        const char *sentence;
        const char *block;
        size_t n;
        const char *pairs; /* "!" at the end: malformed */
} blocks[] = {
        { "an empty block has no pairs", BYTES(""), "" },
        { "one pair", BYTES("\1\2ABC"), "A=BC;" },
        { "two pairs follow each other", BYTES("\1\1AB\1\0C"), "A=B;C=;" },
        { "names may be empty", BYTES("\0\1x"), "=x;" },
        { "both may be empty", BYTES("\0\0\0\0"), "=;=;" },
        { "a four-byte length may be small", BYTES("\200\0\0\1\1AB"), "A=B;" },
        { "the value's length may be long too", BYTES("\1\200\0\0\2ABC"), "A=BC;" },
        { "a long length may end the block", BYTES("\0\200\0\0\0"), "=;" },
        { "the value's length is missing", BYTES("\1"), "!" },
        { "a long length is cut", BYTES("\200\0\0"), "!" },
        { "the second length is cut", BYTES("\1\200\0\0"), "!" },
        { "the name ends behind the block", BYTES("\3\0AB"), "!" },
        { "the value ends behind the block", BYTES("\1\2AB"), "!" },
        { "the largest lengths do not wrap around", BYTES("\377\377\377\377\377\377\377\377A"), "!" },
        { "pairs before the broken one are read", BYTES("\1\1AB\5\5C"), "A=B;!" },
};

typedef int next_fn(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret);

static int read_pairs(next_fn *next, const uint8_t *block, size_t n, struct text *out) {
        struct fcgi_pair pair;
        size_t pos = 0;
        int r;

        while ((r = next(block, n, &pos, &pair)) == 1) {
                text_append_n(out, pair.name, pair.n_name);
                text_append_c(out, '=');
                text_append_n(out, pair.value, pair.n_value);
                text_append_c(out, ';');
        }
        if (r == FCGI_PARAMS_E_MALFORMED)
                text_append_c(out, '!');
        else
                assert_int_equal(pos, n);
        return r;
}

/* The short way and the one for all pairs read the same. */
static void test_next_reads_pairs_in_order(void **state) {
        static next_fn *const nexts[] = { fcgi_params_next, fcgi_params_next_any };

        for (size_t i = 0; i < ELEMENTSOF(blocks); i++) {
                const uint8_t *block = (const uint8_t *)blocks[i].block;

                print_message("%s\n", blocks[i].sentence);
                for (size_t j = 0; j < ELEMENTSOF(nexts); j++) {
                        _cleanup_text_ struct text out = {};
                        int r = read_pairs(nexts[j], block, blocks[i].n, &out);

                        assert_string_equal(text_peek(&out), blocks[i].pairs);
                        assert_int_equal(fcgi_params_well_formed(block, blocks[i].n), r == 0);
                }
        }
}

static void test_next_leaves_its_results_alone_when_malformed(void **state) {
        struct fcgi_pair pair = { .n_name = 7 };
        size_t pos = 0;

        assert_int_equal(fcgi_params_next((const uint8_t *)"\5\5ab", 4, &pos, &pair), FCGI_PARAMS_E_MALFORMED);
        assert_int_equal(pos, 0);
        assert_int_equal(pair.n_name, 7);
}

static const struct {
        const char *sentence;
        const char *block;
        size_t n;
        const char *name;
        const char *value; /* NULL: not found */
} searches[] = {
        { "a name that is there", BYTES("\1\1AB\1\1CD"), "A", "B" },
        { "the last of a name counts", BYTES("\1\1AB\1\1AD"), "A", "D" },
        { "a name that is not there", BYTES("\1\1AB"), "C", NULL },
        { "a longer name is another one", BYTES("\2\1AAB"), "A", NULL },
        { "an empty value is a value", BYTES("\1\0A"), "A", "" },
        { "nothing is in an empty block", BYTES(""), "A", NULL },
        { "found before the broken pair", BYTES("\1\1AB\7"), "A", "B" },
};

static void test_find(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(searches); i++) {
                const uint8_t *block = (const uint8_t *)searches[i].block;
                struct fcgi_pair pair = { .n_name = 7 };
                bool found;

                print_message("%s\n", searches[i].sentence);
                found = fcgi_params_find(block, searches[i].n, searches[i].name, &pair);
                assert_int_equal(found, searches[i].value != NULL);
                if (!found) {
                        assert_int_equal(pair.n_name, 7);
                        continue;
                }
                assert_int_equal(pair.n_value, strlen(searches[i].value));
                assert_memory_equal(pair.value, searches[i].value, pair.n_value);
        }
}

static void test_content_length(_unused_ void **state) {
        static const struct {
                const char *value;
                uint64_t length;
        } rows[] = {
                { "0", 0 },
                { "5", 5 },
                { "0005", 5 },
                { "9223372036854775807", INT64_MAX },
                { "9223372036854775808", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "18446744073709551616", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "18446744073709551621", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "99999999999999999999999999", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "", FCGI_PARAMS_LENGTH_UNKNOWN },
                { " ", FCGI_PARAMS_LENGTH_UNKNOWN },
                { " 5", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "5 ", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "-1", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "-5", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "+5", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "0x5", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "zz", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "5zz", FCGI_PARAMS_LENGTH_UNKNOWN },
                { "5, 5", FCGI_PARAMS_LENGTH_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(fcgi_params_content_length(rows[i].value, strlen(rows[i].value)), rows[i].length);
        assert_int_equal(fcgi_params_content_length("5\0", 2), FCGI_PARAMS_LENGTH_UNKNOWN);
}

/* Both sides of the border between the two forms of a length, and lengths that need each of their bytes. */
static void test_encoded_pairs_read_back(void **state) {
        static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 70000, 16777216 };
        char *bytes = malloc(16777216);
        uint8_t *block = malloc(8 + 2 * 16777216);

        assert_non_null(bytes);
        assert_non_null(block);
        memset(bytes, 'x', 16777216);
        for (size_t i = 0; i < ELEMENTSOF(lengths); i++)
                for (size_t j = 0; j < ELEMENTSOF(lengths); j++) {
                        size_t size = fcgi_params_encoded_size(lengths[i], lengths[j]), pos = 0;
                        struct fcgi_pair pair = {};

                        assert_int_equal(size, (lengths[i] < 128 ? 1 : 4) + (lengths[j] < 128 ? 1 : 4) + lengths[i] +
                                                       lengths[j]);
                        assert_int_equal(
                                fcgi_params_encode(block, &(struct fcgi_pair){ .name = bytes,
                                                                               .n_name = lengths[i],
                                                                               .value = lengths[j] > 0 ? bytes : NULL,
                                                                               .n_value = lengths[j] }),
                                size);
                        assert_int_equal(fcgi_params_next(block, size, &pos, &pair), 1);
                        assert_int_equal(pos, size);
                        assert_int_equal(pair.n_name, lengths[i]);
                        assert_int_equal(pair.n_value, lengths[j]);
                        assert_ptr_equal(pair.name, block + size - lengths[i] - lengths[j]);
                        assert_ptr_equal(pair.value, pair.name + lengths[i]);
                }
        free(bytes);
        free(block);
}

static void test_encoded_bytes_are_those_of_the_specification(void **state) {
        uint8_t out[8 + 3 + 128];
        char value[128];

        memset(value, 'v', sizeof(value));
        assert_int_equal(
                fcgi_params_encode(
                        out,
                        &(struct fcgi_pair){ .name = "abc", .n_name = 3, .value = value, .n_value = sizeof(value) }),
                5 + 3 + 128);
        assert_memory_equal(out, "\3\200\0\0\200abcvv", 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_next_reads_pairs_in_order),
                cmocka_unit_test(test_next_leaves_its_results_alone_when_malformed),
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_content_length),
                cmocka_unit_test(test_encoded_pairs_read_back),
                cmocka_unit_test(test_encoded_bytes_are_those_of_the_specification),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
