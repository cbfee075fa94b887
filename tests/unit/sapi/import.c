/* SPDX-License-Identifier: MIT */
/* sapi/import.c: a function of ours in place of one that a loaded object calls, however the linker has made that
 * object's table. */

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sapi/internal.h"

#define OURS 4242

static pid_t our_getpid(void) {
        return OURS;
}

/* The object's first call of anything but getpid() comes after the change: where calls are bound late, the linker
 * writes to the table then. */
static void tell(const char *folder, const char *name, bool changes) {
        char path[4096];
        void *object;
        pid_t (*pid)(void);
        pid_t (*parent)(void);
        int *variable;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        object = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
        assert_non_null(object);
        pid = (pid_t(*)(void))dlsym(object, "imports_pid");
        parent = (pid_t(*)(void))dlsym(object, "imports_parent");
        variable = dlsym(object, "imports_variable");
        assert_true(pid && parent && variable);
        assert_int_equal(pid(), getpid());
        assert_int_equal(sapi_import_replace(name, "getpid", (void (*)(void))our_getpid), changes);
        assert_false(sapi_import_replace(name, "getuid", (void (*)(void))our_getpid));
        assert_int_equal(pid(), changes ? OURS : getpid());
        assert_int_equal(parent(), getppid());
        *variable = 1;
        assert_int_not_equal(getpid(), OURS);
        dlclose(object);
}

#if defined(__x86_64__) || defined(__aarch64__)
#define KNOWN true
#else
#define KNOWN false
#endif

static void test_sealed(_unused_ void **state) {
        tell(IMPORTS_FOLDER, "imports-sealed.so", KNOWN);
}

static void test_bound_late(_unused_ void **state) {
        tell(IMPORTS_FOLDER, "imports-late.so", KNOWN);
}

static void test_not_sealed(_unused_ void **state) {
        tell(IMPORTS_FOLDER, "imports-open.so", KNOWN);
}

static void test_not_loaded(_unused_ void **state) {
        assert_false(sapi_import_replace("imports-none.so", "getpid", (void (*)(void))our_getpid));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sealed),
                cmocka_unit_test(test_bound_late),
                cmocka_unit_test(test_not_sealed),
                cmocka_unit_test(test_not_loaded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
