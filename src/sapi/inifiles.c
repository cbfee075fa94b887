/* SPDX-License-Identifier: MIT */
/*
 * Which files PHP reads its settings from, and what it says of them. libphp has its own SAPI's folder compiled in
 * ("embed"); a site's settings are in the FPM folder, so PHP is pointed there while it starts, when the folder exists,
 * and constants and phpinfo() name that one.
 *
 * Where else PHP looks, and in which order, is as in php-fpm: -c alone; else the file or folder that PHPRC names, the
 * program's folder, the compiled-in one. PHP_INI_SCAN_DIR is a list of folders for further files; an empty one in it
 * means the compiled-in folder, and an empty list none.
 *
 * Of a file with a mistake PHP says so on stderr, and goes on without the rest of it. Such a file is read once more, by
 * nobody, for what is said of it (sapi_remarks_add()).
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/text.h"

#define SITE_FILES   FPMD_PHP_INI_DIR
#define SITE_SCANNED FPMD_PHP_INI_DIR "/conf.d"

#define ROW_CELLS_MAX 16 /* more than PHP's and extensions' tables have */

static struct {
        bool site;           /* there is such a folder */
        bool reading;        /* PHP is */
        bool changed;        /* PHP_INI_SCAN_DIR is not what was given */
        char *given;         /* PHP_INI_SCAN_DIR; NULL: not set */
        char *search;        /* where PHP looks for php.ini */
        const char *scanned; /* what phpinfo() shows as the folder of further files; it keeps the pointer */
} files;

static bool inifiles_is_folder(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The operator's list, with the site's folder where the compiled-in one is meant. */
static int inifiles_compose_scan_dirs(const char *given, char **ret) {
        _cleanup_text_ struct text t = { 0 };
        size_t n;

        for (const char *p = given;; p += n + 1) {
                n = strcspn(p, ":");
                if (n > 0)
                        text_append_n(&t, p, n);
                else
                        text_append(&t, SITE_SCANNED);
                if (p[n] == '\0')
                        break;
                text_append_c(&t, ':');
        }
        return text_finish(&t, ret, NULL);
}

static int inifiles_point_scan(void) {
        const char *env = getenv("PHP_INI_SCAN_DIR");
        _cleanup_free_ char *dirs = NULL;
        int r;

        if (env && !(files.given = strdup(env)))
                return -ENOMEM;
        files.scanned = files.given ? files.given : SITE_SCANNED;
        if (!*files.scanned)
                return 0;
        r = inifiles_compose_scan_dirs(files.scanned, &dirs);
        if (r == 0 && setenv("PHP_INI_SCAN_DIR", dirs, 1) < 0)
                r = -errno;
        files.changed = r == 0;
        return r;
}

/* As a path of folders, or the one file that PHPRC names. PHP takes it in place of what is compiled in. */
static int inifiles_compose_search(const struct sapi_options *options) {
        const char *env = getenv("PHPRC"), *slash = options->program ? strrchr(options->program, '/') : NULL;
        _cleanup_text_ struct text t = { 0 };

        if (env && *env)
                text_append(&t, env);
        if (t.n == 0 || inifiles_is_folder(env) || access(env, R_OK) < 0) {
                if (t.n > 0)
                        text_append_c(&t, ':');
                if (slash && slash > options->program)
                        text_printf(&t, "%.*s:", (int)(slash - options->program), options->program);
                text_append(&t, SITE_FILES);
        }
        return text_finish(&t, &files.search, NULL);
}

/* PHP reads a file it is pointed to even when told to read none. */
int sapi_inifiles_begin(const struct sapi_options *options, sapi_module_struct *m) {
        int r = 0;

        files.site = inifiles_is_folder(SITE_FILES);
        if (files.site && !options->ini_path && !options->no_ini)
                r = inifiles_compose_search(options);
        if (r == 0 && files.site)
                r = inifiles_point_scan();
        files.reading = r == 0;
        m->php_ini_ignore = options->no_ini;
        m->php_ini_path_override = options->ini_path ? (char *)options->ini_path : files.search;
        return r;
}

static void inifiles_set_constant(const char *name, const char *value) {
        zend_constant *c = zend_hash_str_find_ptr(EG(zend_constants), name, strlen(name));

        if (!c || Z_TYPE(c->value) != IS_STRING)
                return;
        zval_ptr_dtor_str(&c->value);
        ZVAL_STR(&c->value, zend_string_init_interned(value, strlen(value), true));
}

void sapi_inifiles_tell(const struct sapi_options *options) {
        if (options->program && *options->program) {
                PG(php_binary) = strdup(options->program);
                inifiles_set_constant("PHP_BINARY", options->program);
        }
        if (!files.site)
                return;
        inifiles_set_constant("PHP_CONFIG_FILE_PATH", SITE_FILES);
        inifiles_set_constant("PHP_CONFIG_FILE_SCAN_DIR", SITE_SCANNED);
        if (php_ini_scanned_path)
                php_ini_scanned_path = (char *)files.scanned;
}

void sapi_inifiles_end(void) {
        files.reading = false;
        if (files.changed && files.given)
                (void)setenv("PHP_INI_SCAN_DIR", files.given, 1);
        else if (files.changed)
                (void)unsetenv("PHP_INI_SCAN_DIR");
        files.changed = false;
}

/* PHP has a list separated by ",\n", or NULL. */
int sapi_inifiles_list(char **ret) {
        _cleanup_text_ struct text t = { 0 };

        if (php_ini_opened_path)
                text_append(&t, php_ini_opened_path);
        if (php_ini_scanned_files && *php_ini_scanned_files) {
                if (php_ini_opened_path)
                        text_append_c(&t, ',');
                for (const char *p = php_ini_scanned_files; *p; p++)
                        if (*p != '\n')
                                text_append_c(&t, *p);
        }
        return text_finish(&t, ret, NULL);
}

/* In place of libphp's, which phpinfo() calls: the row of the folder has the one that is read. */
PHPAPI ZEND_COLD void php_info_print_table_row(int n, ...) {
        static void (*real)(int n, ...);
        const char *c[ROW_CELLS_MAX] = { NULL };
        va_list ap;

        if (!real)
                real = (void (*)(int, ...))dlsym(RTLD_NEXT, "php_info_print_table_row");
        assert(real); /* libphp has it, or it would be another one than we were built for */
        n = MIN(n, ROW_CELLS_MAX);
        va_start(ap, n);
        for (int i = 0; i < n; i++)
                c[i] = va_arg(ap, const char *);
        va_end(ap);
        if (n == 2 && files.site && text_equal(c[0], "Configuration File (php.ini) Path"))
                c[1] = SITE_FILES;
        real(n, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13], c[14], c[15]);
}

typedef __typeof__(zend_parse_ini_file) inifiles_reader;

static void inifiles_take_nothing(zval *key, zval *value, zval *index, int type, void *arg) {
}

/* What is said of the file; the caller's. NULL: nothing that can be had. */
static char *inifiles_ask(inifiles_reader *real, const char *name, int scanner_mode) {
        struct sapi_aside aside;
        FILE *f = fopen(name, "re");
        zend_file_handle fh;

        if (!f || !sapi_aside_begin(&aside)) {
                if (f)
                        fclose(f);
                return NULL;
        }
        zend_stream_init_fp(&fh, f, name);
        (void)real(&fh, true, scanner_mode, inifiles_take_nothing, NULL);
        zend_destroy_file_handle(&fh);
        return sapi_aside_end(&aside);
}

/* "PHP:  syntax error, unexpected '(' in FILE on line 3"; the name may have these words too. */
static void inifiles_remark(const char *name, char *said) {
        static const char head[] = "PHP:  ", on[] = " on line ";
        char *line = said ? strstr(said, head) : NULL, *number = NULL, *in = NULL;

        for (char *next = line; next && (next = strstr(next, on)); next++)
                number = next;
        if (number)
                *number = '\0';
        for (char *next = line; number && (next = strstr(next, " in ")); next++)
                if (!in && text_equal(next + strlen(" in "), name))
                        in = next;
        if (in)
                *in = '\0';
        sapi_remarks_add("WARNING: [%s:%d] %s: PHP goes on without the rest of this file", name,
                         in ? atoi(number + strlen(on)) : 0, in ? line + strlen(head) : "PHP cannot read it");
}

/* In place of libphp's, which calls it for php.ini and each file of the folder. */
ZEND_API sapi_compat_outcome zend_parse_ini_file(zend_file_handle *fh, bool unbuffered_errors, int scanner_mode,
                                                 zend_ini_parser_cb_t ini_parser_cb, void *arg) {
        static inifiles_reader *real;
        _cleanup_free_ char *name = files.reading && fh->filename ? strdup(ZSTR_VAL(fh->filename)) : NULL;
        sapi_compat_outcome r;

        if (!real)
                real = (inifiles_reader *)dlsym(RTLD_NEXT, "zend_parse_ini_file");
        assert(real); /* as above */
        r = real(fh, unbuffered_errors, scanner_mode, ini_parser_cb, arg);
        if (r != SUCCESS && name) {
                _cleanup_free_ char *said = inifiles_ask(real, name, scanner_mode);

                inifiles_remark(name, said);
        }
        return r;
}
