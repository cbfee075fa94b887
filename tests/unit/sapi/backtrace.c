/* SPDX-License-Identifier: MIT */
/* sapi/backtrace.h: the walk over frames that the test has made by hand, and over garbage. Addresses are the test's
 * own; a reader that allows nothing outside a region stands for the kernel. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sapi/compat.h"

#include "base/macros.h"
#include "sapi/backtrace.h"

/* Everything that may be read. */
struct world {
        zend_execute_data *current;
        zend_execute_data frames[40];
        zend_op_array functions[40];
        zend_op ops[40];
        zend_class_entry class;
        zend_generator generators[3];
        union {
                zend_string s;
                char space[128];
        } strings[40];
        unsigned n_strings;
        unsigned n_reads;
        unsigned fail_after; /* reads that succeed; 0: all */
};

static bool read_world(void *ctx, uintptr_t address, void *buf, size_t n) {
        struct world *w = ctx;
        uintptr_t begin = (uintptr_t)w, end = begin + sizeof(*w);

        w->n_reads++;
        if (address < begin || address > end || n > end - address || (w->fail_after && w->n_reads > w->fail_after))
                return false;
        memcpy(buf, (const void *)address, n);
        return true;
}

static char *walk(struct world *w, unsigned depth) {
        const struct sapi_backtrace_reader reader = { .read = read_world, .ctx = w };
        struct text t = {};
        char *ret;
        size_t n;

        w->n_reads = 0;
        sapi_backtrace_walk(&reader, (uintptr_t)&w->current, depth, &t);
        assert_int_equal(text_finish(&t, &ret, &n), 0);
        assert_true(n <= 64 * 1024);
        return ret;
}

static zend_string *string(struct world *w, const char *s) {
        zend_string *z = &w->strings[w->n_strings++].s;

        z->len = strlen(s);
        memcpy(z->val, s, z->len);
        return z;
}

/* Frame i, called by frame i + 1, in a file of its own, at the line; 0: a function of PHP's own. name NULL: a
 * file's code. */
static void frame(struct world *w, unsigned i, const char *name, uint32_t line) {
        zend_op_array *f = &w->functions[i];
        bool user = line > 0;
        char file[32];

        f->type = user ? ZEND_USER_FUNCTION : ZEND_INTERNAL_FUNCTION;
        f->function_name = name ? string(w, name) : NULL;
        if (user) {
                snprintf(file, sizeof(file), "/f%u.php", i);
                f->filename = string(w, file);
                f->opcodes = &w->ops[i];
                f->last = 1;
                f->line_start = 7;
                w->ops[i].lineno = line;
                w->frames[i].opline = &w->ops[i];
        }
        w->frames[i].func = (zend_function *)f;
        w->frames[i].prev_execute_data = &w->frames[i + 1];
}

static struct world *world_new(void) {
        struct world *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

        assert_non_null(w);
        memset(w, 0, sizeof(*w));
        w->current = &w->frames[0];
        return w;
}

/* sleep() in a method, called by an included file of the script. */
static struct world *usual(void) {
        struct world *w = world_new();

        frame(w, 0, "sleep", 0);
        frame(w, 1, "wait", 12);
        frame(w, 2, NULL, 3);
        frame(w, 3, NULL, 4);
        w->frames[3].prev_execute_data = NULL;
        w->class.name = string(w, "Clock");
        w->functions[1].scope = &w->class;
        Z_TYPE_INFO(w->frames[1].This) = IS_OBJECT;
        return w;
}

/* Without the addresses. */
static void assert_trace(struct world *w, unsigned depth, const char *expected) {
        _cleanup_free_ char *got = walk(w, depth);
        char plain[4096];
        size_t n = 0;

        for (const char *p = got; *p && n < sizeof(plain) - 1;) {
                if (strncmp(p, "[0x", 3) == 0)
                        p += strlen("[0x0000000000000000] ");
                while (*p && *p != '\n' && n < sizeof(plain) - 2)
                        plain[n++] = *p++;
                if (*p)
                        plain[n++] = *p++;
        }
        plain[n] = '\0';
        assert_string_equal(plain, expected);
}

static void test_calls(void **state) {
        _cleanup_free_ struct world *w = usual();

        assert_trace(w, 20, "sleep() /f1.php:12\nClock->wait() /f2.php:3\n[INCLUDE_OR_EVAL]() /f3.php:4\n");
        Z_TYPE_INFO(w->frames[1].This) = IS_UNDEF;
        assert_trace(w, 20, "sleep() /f1.php:12\nClock::wait() /f2.php:3\n[INCLUDE_OR_EVAL]() /f3.php:4\n");
}

static void test_depth(void **state) {
        _cleanup_free_ struct world *w = usual();

        assert_trace(w, 0, "");
        assert_trace(w, 1, "sleep() /f1.php:12\n");
        assert_trace(w, 2, "sleep() /f1.php:12\nClock->wait() /f2.php:3\n");
}

static void test_running_code_has_its_line(void **state) {
        _cleanup_free_ struct world *w = usual();

        w->current = &w->frames[1];
        assert_trace(w, 20, "{running} /f1.php:12\nClock->wait() /f2.php:3\n[INCLUDE_OR_EVAL]() /f3.php:4\n");
        w->current = &w->frames[3];
        assert_trace(w, 20, "{running} /f3.php:4\n");
        w->current = NULL;
        assert_trace(w, 20, "");
}

static void test_callbacks_have_the_callers_place(void **state) {
        _cleanup_free_ struct world *w = world_new();

        frame(w, 0, "sleep", 0);
        frame(w, 1, "each", 5);
        frame(w, 2, "array_map", 0);
        frame(w, 3, NULL, 9);
        w->frames[3].prev_execute_data = NULL;
        assert_trace(w, 20, "sleep() /f1.php:5\neach() /f3.php:9\narray_map() /f3.php:9\n");
        w->frames[1].prev_execute_data = NULL; /* a shutdown function */
        assert_trace(w, 20, "sleep() /f1.php:5\neach() unknown:0\n");
        assert_trace(w, 1, "sleep() /f1.php:5\n");
}

static void test_stand_ins_are_skipped(void **state) {
        _cleanup_free_ struct world *w = usual();

        w->frames[2].func = NULL;
        assert_trace(w, 20, "sleep() /f1.php:12\nClock->wait() /f3.php:4\n");
        frame(w, 2, NULL, 0); /* around a fiber */
        assert_trace(w, 20, "sleep() /f1.php:12\nClock->wait() /f3.php:4\n");
}

/* sleep() in a(), which b() delegates to, and c() to b(): the script goes through c(). Frame 2 is the stand-in, frames
 * 4 and 5 are b's and c's. */
static void test_delegating_generators(void **state) {
        _cleanup_free_ struct world *w = world_new();

        frame(w, 0, "sleep", 0);
        frame(w, 1, "a", 5);
        frame(w, 3, NULL, 9);
        frame(w, 4, "b", 6);
        frame(w, 5, "c", 8);
        for (unsigned i = 4; i < 6; i++) { /* they are at what comes next */
                w->functions[i].last = 2;
                w->frames[i].opline++;
        }
        w->frames[2].prev_execute_data = &w->frames[3];
        w->frames[3].prev_execute_data = NULL;
        w->frames[4].prev_execute_data = w->frames[5].prev_execute_data = NULL;
        Z_TYPE_INFO(w->frames[2].This) = IS_OBJECT;
        Z_OBJ(w->frames[2].This) = &w->generators[0].std;
        w->generators[0].std.ce = zend_ce_generator = &w->class;
        w->generators[0].execute_data = &w->frames[5];
        w->generators[0].node.parent = &w->generators[1];
        w->generators[1].execute_data = &w->frames[4];
        w->generators[1].node.parent = &w->generators[2];
        w->generators[2].execute_data = &w->frames[1];
        assert_trace(w, 20, "sleep() /f1.php:5\na() /f4.php:6\nb() /f5.php:8\nc() /f3.php:9\n");

        w->generators[2].node.parent = &w->generators[0]; /* a circle */
        free(walk(w, 20));
        assert_true(w->n_reads < 1000);
        w->generators[0].std.ce = NULL; /* some other object */
        assert_trace(w, 20, "sleep() /f1.php:5\na() /f3.php:9\n");
}

static void test_instruction_of_nobody(void **state) {
        _cleanup_free_ struct world *w = usual();

        w->frames[1].opline = &w->ops[9];
        assert_trace(w, 1, "sleep() /f1.php:7\n");
}

static void test_texts_stay_on_their_line(void **state) {
        _cleanup_free_ struct world *w = usual();

        memcpy(w->functions[0].function_name->val, "s\nee\x1b", 5);
        memcpy(w->class.name->val, "Cl\0ck", 5);
        assert_trace(w, 2, "s?ee?() /f1.php:12\nCl->wait() /f2.php:3\n");
        w->functions[0].function_name->len = SIZE_MAX; /* cut, and here made of NULs and worse */
        assert_trace(w, 1, "s?ee?() /f1.php:12\n");
        w->functions[0].function_name = (zend_string *)(uintptr_t)12345;
        assert_trace(w, 1, "{unknown}() /f1.php:12\n");
}

static void test_circle_ends(void **state) {
        _cleanup_free_ struct world *w = usual();
        _cleanup_free_ char *got = NULL;

        w->frames[3].prev_execute_data = &w->frames[0];
        got = walk(w, UINT32_MAX);
        assert_true(w->n_reads < 20000);
        w->frames[0].prev_execute_data = &w->frames[0]; /* of internal functions alone */
        free(walk(w, 20));
        assert_true(w->n_reads < 20000);
        w->frames[0].prev_execute_data = &w->frames[1];
        w->frames[3].func = NULL;
        w->frames[3].prev_execute_data = &w->frames[3];
        assert_trace(w, 20, "sleep() /f1.php:12\nClock->wait() /f2.php:3\n");
}

static void test_every_read_may_fail(void **state) {
        _cleanup_free_ struct world *w = usual();

        for (unsigned i = 1; i < 40; i++) {
                _cleanup_free_ char *got = NULL;

                w->fail_after = i;
                got = walk(w, 20);
                assert_true(strlen(got) < 400);
        }
}

/* Any bytes, among them pointers into the region, so that the walk goes on for a while. */
static void test_garbage(void **state) {
        _cleanup_free_ struct world *w = world_new();
        uint64_t x = 88172645463325252ULL;
        uint64_t *words = (uint64_t *)w;

        for (unsigned round = 0; round < 3000; round++) {
                _cleanup_free_ char *got = NULL;

                for (size_t i = 0; i < offsetof(struct world, n_strings) / sizeof(*words); i++) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        words[i] = x % 4 == 0 ? x : x % 4 == 1 ? x % 300 : (uintptr_t)w + x % sizeof(*w) / 8 * 8;
                }
                got = walk(w, round % 50);
                assert_true(w->n_reads < 50000);
                for (const char *c = got; *c; c++)
                        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calls),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_running_code_has_its_line),
                cmocka_unit_test(test_callbacks_have_the_callers_place),
                cmocka_unit_test(test_stand_ins_are_skipped),
                cmocka_unit_test(test_delegating_generators),
                cmocka_unit_test(test_instruction_of_nobody),
                cmocka_unit_test(test_texts_stay_on_their_line),
                cmocka_unit_test(test_circle_ends),
                cmocka_unit_test(test_every_read_may_fail),
                cmocka_unit_test(test_garbage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
