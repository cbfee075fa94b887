/* SPDX-License-Identifier: MIT */
/*
 * What libphp has built in and Debian's php-fpm has not: the extension pcntl, and the function chroot(). Lists of
 * disable_functions written for php-fpm miss them, so they are taken out between the registration of PHP's own
 * extensions and their start: to scripts they have never been there. A pool can have pcntl by security.pcntl.
 */

#include "sapi/internal.h"

static __typeof__(php_register_internal_extensions_func) builtin_register_by_php;

/* PHP gives the next extension the number behind that of as many as there are: with a gap among them the last one would
 * share its own, and its constants and settings would be the other's. */
static void builtin_close_gap(int number) {
        zend_module_entry *m;

        ZEND_HASH_FOREACH_PTR(&module_registry, m) {
                if (m->module_number > number)
                        m->module_number--;
        }
        ZEND_HASH_FOREACH_END();
}

/* Its start is what would register constants and classes. */
static void builtin_drop_extension(const char *name) {
        const zend_module_entry *m = zend_hash_str_find_ptr(&module_registry, name, strlen(name));
        int number;

        if (!m || m->module_started)
                return;
        number = m->module_number;
        if (m->functions)
                zend_unregister_functions(m->functions, -1, CG(function_table));
        zend_hash_str_del(&module_registry, name, strlen(name));
        builtin_close_gap(number);
}

static __typeof__(php_register_internal_extensions_func()) builtin_register(void) {
        __typeof__(php_register_internal_extensions_func()) r;

        sapi_module_catch();
        r = builtin_register_by_php();
        if (!sapi_module_pool()->pcntl)
                builtin_drop_extension("pcntl");
        zend_hash_str_del(CG(function_table), "chroot", sizeof("chroot") - 1);
        return r;
}

void sapi_builtin_start(void) {
        builtin_register_by_php = php_register_internal_extensions_func;
        php_register_internal_extensions_func = builtin_register;
}
