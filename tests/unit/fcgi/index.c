/* SPDX-License-Identifier: MIT */
/* Blocks of parameters, looked up and gone through by their index. */

#include "fcgi/index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "alloc.h"
#include "base/macros.h"
#include "base/text.h"
#include "fcgi/params.h"

#define BYTES(s) (s), sizeof(s) - 1

/* A block in memory of exactly its size and the one byte that an index wants; the caller's. */
static uint8_t *block_of(const void *bytes, size_t n) {
        uint8_t *block = malloc(n + 1);

        assert_non_null(block);
        memcpy(block, bytes, n);
        block[n] = 'X';
        return block;
}

/* The pairs that are seen, from the last to the first, as strings. */
static void append_all(struct fcgi_index *x, struct text *out) {
        for (size_t i = x->n; i > 0; i--) {
                struct fcgi_index_entry *e = fcgi_index_at(x, i - 1);

                if (!e)
                        continue;
                fcgi_index_end(e);
                assert_int_equal(strnlen(e->name, e->n_name + 1), e->n_name);
                text_printf(out, "%s=%s;", e->name, e->value);
        }
}

static const struct {
        const char *sentence;
        const char *block;
        size_t n;
        const char *seen; /* from the last to the first; NULL: malformed */
} blocks[] = {
        { "an empty block has no pairs", BYTES(""), "" },
        { "one pair", BYTES("\1\2ABC"), "A=BC;" },
        { "the last one is the first to be shown", BYTES("\1\1AB\1\0C"), "C=;A=B;" },
        { "a name that comes twice has its first place and its last value", BYTES("\1\1AB\1\1CD\1\1AE"), "C=D;A=E;" },
        { "and one that comes three times", BYTES("\1\1AB\1\1AC\1\1DE\1\1AF"), "D=E;A=F;" },
        { "names may be empty", BYTES("\0\1x\0\1y"), "=y;" },
        { "both may be empty", BYTES("\0\0"), "=;" },
        { "lengths of four bytes", BYTES("\200\0\0\1\200\0\0\1AB\1\200\0\0\2CDE"), "C=DE;A=B;" },
        { "names of four bytes and more", BYTES("\4\1ABCDx\5\1ABCDEy\4\1BBCDz"), "BBCD=z;ABCDE=y;ABCD=x;" },
        { "the value's length is missing", BYTES("\1\1AB\1"), NULL },
        { "the largest lengths do not wrap around", BYTES("\377\377\377\377\377\377\377\377A"), NULL },
};

static void test_each_name_once_in_its_place(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(blocks); i++) {
                _cleanup_(fcgi_index_done) struct fcgi_index x = {};
                _cleanup_free_ uint8_t *block = block_of(blocks[i].block, blocks[i].n);

                print_message("%s\n", blocks[i].sentence);
                assert_int_equal(fcgi_index_read(&x, block, blocks[i].n), blocks[i].seen ? 0 : FCGI_PARAMS_E_MALFORMED);
                for (unsigned again = 0; again < 2; again++) {
                        _cleanup_text_ struct text out = {};

                        append_all(&x, &out);
                        assert_string_equal(text_peek(&out), blocks[i].seen ?: "");
                }
        }
}

static void test_the_last_of_a_name_is_found(void **state) {
        _cleanup_free_ uint8_t *block = block_of(BYTES("\1\1AB\3\2XYZvw\1\2ACD"));
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
        struct fcgi_index_entry *e;

        assert_null(fcgi_index_find(&x, "A", 1));
        assert_int_equal(fcgi_index_read(&x, block, 16), 0);
        e = fcgi_index_find(&x, "A", 1);
        assert_string_equal(fcgi_index_value(e), "CD");
        assert_string_equal(fcgi_index_value(e), "CD");
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, "XYZ", 3)), "vw");
        assert_null(fcgi_index_find(&x, "XY", 2));
        assert_null(fcgi_index_find(&x, "", 0));
        fcgi_index_clear(&x);
        assert_null(fcgi_index_find(&x, "A", 1));
        assert_int_equal(x.n, 0);
}

/* What a value has behind a NUL stays readable; its string ends there. */
static void test_a_nul_in_a_value(void **state) {
        _cleanup_free_ uint8_t *block = block_of(BYTES("\1\3AB\0C\1\1DE"));
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
        struct fcgi_index_entry *e;

        assert_int_equal(fcgi_index_read(&x, block, 10), 0);
        e = fcgi_index_find(&x, "A", 1);
        assert_int_equal(e->n_value, 3);
        assert_memory_equal(fcgi_index_value(e), "B\0C", 4);
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, "D", 1)), "E");
}

/* "NAME" + number, all in one bucket or not. */
static size_t many_pairs(uint8_t *block, unsigned n) {
        size_t at = 0;

        for (unsigned i = 0; i < n; i++) {
                char name[16], value[16];
                const struct fcgi_pair pair = { .name = name,
                                                .n_name = (size_t)snprintf(name, sizeof(name), "N%uSAME", i),
                                                .value = value,
                                                .n_value = (size_t)snprintf(value, sizeof(value), "%u", i) };

                at += fcgi_params_encode(block + at, &pair);
        }
        return at;
}

/* A longer name in A's bucket; its length. */
static size_t find_neighbour(char *ret, size_t size) {
        for (unsigned i = 0;; i++) {
                size_t n = (size_t)snprintf(ret, size, "N%u", i);

                if (fcgi_index_bucket(ret, n) == fcgi_index_bucket("A", 1))
                        return n;
        }
}

static void test_neighbours_in_a_bucket(void **state) {
        static uint8_t block[64];
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
        char name[16];
        size_t n_name = find_neighbour(name, sizeof(name)), n = 0;
        const struct fcgi_pair pairs[] = {
                { .name = name, .n_name = n_name, .value = "1", .n_value = 1 },
                { .name = "A", .n_name = 1, .value = "2", .n_value = 1 },
                { .name = name, .n_name = n_name, .value = "3", .n_value = 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                n += fcgi_params_encode(block + n, &pairs[i]);
        assert_int_equal(fcgi_index_read(&x, block, n), 0);
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, "A", 1)), "2");
        assert_string_equal(fcgi_index_value(fcgi_index_find(&x, name, n_name)), "3");
        assert_ptr_equal(fcgi_index_at(&x, 0), &x.entries[2]);
        assert_ptr_equal(fcgi_index_at(&x, 1), &x.entries[1]);
        assert_null(fcgi_index_at(&x, 2));
}

/* It grows with what comes, up to what comes, and keeps what a request usually needs. */
static void test_its_memory(void **state) {
        static const unsigned numbers[] = { 60, 3000, 1, 64, 65 };
        static uint8_t block[3000 * 32];
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                size_t n = many_pairs(block, numbers[i]);
                char name[16];

                assert_int_equal(fcgi_index_read(&x, block, n), 0);
                assert_int_equal(x.n, numbers[i]);
                assert_in_range(x.size, numbers[i], 4096);
                for (unsigned k = 0; k < numbers[i]; k++) {
                        snprintf(name, sizeof(name), "N%uSAME", k);
                        assert_ptr_equal(fcgi_index_find(&x, name, strlen(name)), &x.entries[k]);
                        assert_ptr_equal(fcgi_index_at(&x, k), &x.entries[k]);
                }
        }
        assert_int_equal(x.size, 128);
        alloc_fail_at(0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(fcgi_index_read(&x, block, many_pairs(block, 128)), 0);
        assert_int_equal(alloc_count, 0);
}

/* The one that is to be shown at i, of n of which every n_names-th has the same name. */
static const struct fcgi_index_entry *expected(const struct fcgi_index *x, unsigned n_names, unsigned i) {
        unsigned n = (unsigned)x->n;

        return i < n_names ? &x->entries[i + (n - 1 - i) / n_names * n_names] : NULL;
}

/* Many have other ways to be gone through, and the same outcome, also when memory for that is missing. */
static void test_many_of_which_some_come_again(void **state) {
        static const unsigned numbers[] = { 127, 128, 129, 1000 };
        static uint8_t block[1000 * 32];

        for (size_t k = 0; k < ELEMENTSOF(numbers); k++)
                for (unsigned fails = 0; fails <= 2; fails++) {
                        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
                        size_t n = 0;

                        for (unsigned i = 0; i < numbers[k]; i += 100)
                                n += many_pairs(block + n, MIN(numbers[k] - i, 100U));
                        assert_int_equal(fcgi_index_read(&x, block, n), 0);
                        alloc_fail_at(fails);
                        for (unsigned i = numbers[k]; i-- > 0;)
                                assert_ptr_equal(fcgi_index_at(&x, i), expected(&x, 100, i));
                        alloc_fail_at(0);
                }
}

/* As many as a block can have, in one bucket: a moment, where each with each would be half a minute. */
static void test_names_that_a_client_has_chosen(void **state) {
        enum { N = 75000 };
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};
        _cleanup_free_ uint8_t *block = malloc(N * 32 + 1);
        clock_t begun;
        size_t n = 0;

        assert_non_null(block);
        for (unsigned i = 0; i < N; i++) {
                char name[16];
                const struct fcgi_pair pair = { name, (size_t)snprintf(name, sizeof(name), "N%06uSAME", i), "", 0 };

                n += fcgi_params_encode(block + n, &pair);
        }
        assert_int_equal(fcgi_index_read(&x, block, n), 0);
        begun = clock();
        for (unsigned i = N; i-- > 0;)
                assert_ptr_equal(fcgi_index_at(&x, i), &x.entries[i]);
        assert_in_range(clock() - begun, 0, 5 * CLOCKS_PER_SEC);
}

static void test_memory_that_runs_out_is_said(void **state) {
        static uint8_t block[100 * 32];
        _cleanup_(fcgi_index_done) struct fcgi_index x = {};

        for (unsigned i = 1; i <= 2; i++) {
                alloc_fail_at(i);
                assert_int_equal(fcgi_index_read(&x, block, many_pairs(block, 100)), -ENOMEM);
                assert_int_equal(x.n, 0);
                assert_null(fcgi_index_find(&x, "N0SAME", 6));
                fcgi_index_done(&x);
        }
        alloc_fail_at(0);
        assert_int_equal(fcgi_index_read(&x, block, many_pairs(block, 100)), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_name_once_in_its_place),
                cmocka_unit_test(test_the_last_of_a_name_is_found),
                cmocka_unit_test(test_a_nul_in_a_value),
                cmocka_unit_test(test_neighbours_in_a_bucket),
                cmocka_unit_test(test_its_memory),
                cmocka_unit_test(test_many_of_which_some_come_again),
                cmocka_unit_test(test_names_that_a_client_has_chosen),
                cmocka_unit_test(test_memory_that_runs_out_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
