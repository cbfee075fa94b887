/* SPDX-License-Identifier: MIT */
/* base/landlock.h: which rights an ABI has, and why there are none. What the kernel makes of them: worker/folders. */

#include "base/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

#define REFER    (1ULL << 13) /* ABI 2 */
#define TRUNCATE (1ULL << 14) /* ABI 3 */
#define NEVER    (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

static void test_rights_are_those_that_the_abi_knows(void **state) {
        static const struct {
                int abi;
                uint64_t more;
        } rows[] = { { 1, 0 }, { 2, REFER }, { 3, REFER | TRUNCATE }, { 99, REFER | TRUNCATE } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t write = landlock_rights(rows[i].abi, LANDLOCK_WRITE);

                assert_int_equal(write & (REFER | TRUNCATE), rows[i].more);
                assert_int_equal(landlock_handled(rows[i].abi),
                                 write | landlock_rights(rows[i].abi, LANDLOCK_READ) | NEVER);
        }
}

static void test_a_use_is_no_more_than_it_says(void **state) {
        uint64_t read = landlock_rights(3, LANDLOCK_READ), write = landlock_rights(3, LANDLOCK_WRITE);

        assert_int_equal(read, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE);
        assert_int_equal(write & (LANDLOCK_ACCESS_FS_EXECUTE | NEVER), 0);
        assert_int_equal(landlock_rights(3, LANDLOCK_DEVICE) & ~write, 0);
        assert_int_equal(landlock_rights(2, LANDLOCK_DEVICE),
                         LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
}

static void test_the_reason_why_there_is_none(void **state) {
        assert_non_null(strstr(landlock_describe_error(-EOPNOTSUPP), "not switched on (lsm="));
        assert_non_null(strstr(landlock_describe_error(-ENOSYS), "no Landlock"));
        assert_non_null(strstr(landlock_describe_error(-EPERM), "a filter of system calls"));
        assert_string_equal(landlock_describe_error(-ENOMEM), "Cannot allocate memory");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_rights_are_those_that_the_abi_knows),
                                            cmocka_unit_test(test_a_use_is_no_more_than_it_says),
                                            cmocka_unit_test(test_the_reason_why_there_is_none) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
