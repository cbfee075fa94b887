/* SPDX-License-Identifier: MIT */
/*
 * What a command line may ask of PHP itself: version, modules, phpinfo(). PHP is started as for a pool without
 * settings, in a process that serves nothing, and writes to stdout.
 */

#include <errno.h>
#include <unistd.h>

#include "sapi/internal.h"

#include <ext/standard/info.h>
#include <zend_extensions.h>

#include "base/fd.h"
#include "conf/model.h"

static size_t print_write(const char *data, size_t n) {
        return fd_write_all(STDOUT_FILENO, data, n) < 0 ? 0 : n;
}

static void print_flush(void *server_context) {
}

static int print_headers(sapi_headers_struct *headers) {
        return SAPI_HEADER_SENT_SUCCESSFULLY;
}

static int print_compare(const void *a, const void *b) {
        return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static void print_names(const char *title, const char **names, size_t n) {
        qsort(names, n, sizeof(*names), print_compare);
        php_printf("[%s]\n", title);
        for (size_t i = 0; i < n; i++)
                php_printf("%s\n", names[i]);
        php_printf("\n");
}

static void print_modules(void) {
        size_t n = 0, n_extensions = zend_llist_count(&zend_extensions);
        const char **names = safe_emalloc(zend_hash_num_elements(&module_registry) + n_extensions, sizeof(*names), 0);
        zend_llist_position at;
        zend_module_entry *m;

        ZEND_HASH_FOREACH_PTR(&module_registry, m) {
                names[n++] = m->name;
        }
        ZEND_HASH_FOREACH_END();
        print_names("PHP Modules", names, n);
        n = 0;
        for (zend_extension *e = zend_llist_get_first_ex(&zend_extensions, &at); e;
             e = zend_llist_get_next_ex(&zend_extensions, &at))
                names[n++] = e->name;
        print_names("Zend Modules", names, n);
        efree(names);
}

static void print_version(void) {
        php_printf("PHP %s (%s) (built: %s %s) (fpmd %s)\nCopyright (c) The PHP Group\n" SAPI_COMPAT_BUILT_BY "%s",
                   sapi_module_version(), sapi_module.name, __DATE__, __TIME__, FPMD_VERSION, get_zend_version());
}

static void print_info(void) {
        php_print_info(PHP_INFO_ALL);
}

static void (*const print_functions[])(void) = {
        [SAPI_PRINT_VERSION] = print_version,
        [SAPI_PRINT_MODULES] = print_modules,
        [SAPI_PRINT_INFO] = print_info,
};

static bool print_request(enum sapi_print what) {
        if (php_request_startup() == FAILURE)
                return false;
        SG(headers_sent) = 1;
        SG(request_info).no_headers = 1;
        print_functions[what]();
        php_output_end_all();
        php_request_shutdown(NULL);
        return true;
}

int sapi_print(const struct sapi_options *options, enum sapi_print what, char **ret_reason) {
        static struct conf_pool none;
        struct sapi_options with_pool = *options;
        _cleanup_free_ char *ini_files = NULL;
        volatile bool ok = false;
        int r;

        with_pool.pool = &none;
        sapi_display_stay();
        r = sapi_module_start(&with_pool, &ini_files, ret_reason);
        if (r < 0)
                return r;
        sapi_module.ub_write = print_write;
        sapi_module.flush = print_flush;
        sapi_module.send_headers = print_headers;
        sapi_module.phpinfo_as_text = 1;
        zend_first_try {
                ok = print_request(what);
        }
        zend_end_try();
        sapi_module_stop();
        return ok ? 0 : -EIO;
}
