/* SPDX-License-Identifier: MIT */
/*
 * What libphp has built in and Debian's php-fpm has not: the extension pcntl, and the function chroot(). Lists of
 * disable_functions written for php-fpm miss them, so they are taken out between the registration of PHP's own
 * extensions and their start: to scripts they have never been there. A pool can have pcntl by security.pcntl.
 */

#include "sapi/internal.h"

static __typeof__(php_register_internal_extensions_func) builtin_register_by_php;

/* Its start is what would register constants and classes. */
static void builtin_drop_extension(const char *name) {
        const zend_module_entry *m = zend_hash_str_find_ptr(&module_registry, name, strlen(name));

        if (!m || m->module_started)
                return;
        if (m->functions)
                zend_unregister_functions(m->functions, -1, CG(function_table));
        zend_hash_str_del(&module_registry, name, strlen(name));
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
