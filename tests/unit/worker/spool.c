/* SPDX-License-Identifier: MIT */
/* Bytes that wait for PHP: what goes in comes out, in memory or in a file, and a file leaves no trace. */

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "worker/spool.h"

static char folder[] = "/tmp/fpmd-test-spool-XXXXXX";

static int make_folder(void **state) {
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
        return rmdir(folder); /* it is empty */
}

static uint8_t byte_at(uint64_t at) {
        return (uint8_t)(at * 7 + at / 251);
}

static void add(struct spool *s, size_t n) {
        uint8_t *data = malloc(n);

        for (size_t i = 0; i < n; i++)
                data[i] = byte_at(s->n + i);
        assert_int_equal(spool_add(s, data, n, folder), 0);
        free(data);
}

/* In pieces that divide nothing evenly. */
static void take(struct spool *s, size_t n) {
        uint8_t buf[997];

        while (n > 0) {
                uint64_t at = s->pos;
                ssize_t k = spool_take(s, buf, MIN(n, sizeof(buf)));

                assert_true(k > 0);
                for (ssize_t i = 0; i < k; i++)
                        assert_int_equal(buf[i], byte_at(at + (uint64_t)i));
                n -= (size_t)k;
        }
}

static void test_in_and_out(void **state) {
        static const size_t pieces[] = { 1, 5000, 60000, SPOOL_MEMORY_MAX - 65001, 1, 100000, 65536 };
        size_t total = 0;
        struct spool s;

        spool_init(&s);
        assert_int_equal(spool_take(&s, &(char){ 0 }, 1), 0);
        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                add(&s, pieces[i]);
                total += pieces[i];
                assert_int_equal(s.fd >= 0, total > SPOOL_MEMORY_MAX);
                take(&s, pieces[i] / 2);
        }
        take(&s, spool_pending(&s));
        assert_int_equal(spool_take(&s, &(char){ 0 }, 1), 0);
        add(&s, 10);
        take(&s, 10);
        spool_clear(&s);
        assert_int_equal(spool_pending(&s), 0);
        assert_int_equal(s.fd, -1);
        spool_clear(&s);
}

static void test_without_a_place_nothing_changes(void **state) {
        static const uint8_t more[1] = { 1 };
        struct spool s;

        spool_init(&s);
        add(&s, SPOOL_MEMORY_MAX);
        assert_int_equal(spool_add(&s, more, sizeof(more), "/proc/self/fd"), -ENOENT);
        take(&s, SPOOL_MEMORY_MAX);
        assert_int_equal(spool_pending(&s), 0);
        spool_clear(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_in_and_out),
                cmocka_unit_test(test_without_a_place_nothing_changes),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
