/* SPDX-License-Identifier: MIT */
/*
 * Extensions that settings name, and PHP has not loaded: it says so, and goes on without them. Here it becomes a
 * remark, with the place of the setting. PHP does not keep that, so it is looked for, when it is needed, in the files
 * that PHP has read and in the pool's settings.
 *
 * Why, PHP says as an error while it loads the extension, and of one for its engine also before or on stderr.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sapi/internal.h"

#include "base/fd.h"
#include "base/text.h"

#define EXTENSIONS_FILE_MAX ((size_t)1 << 20)

static struct {
        bool on;
        bool loading, aside;                /* within the functions below */
        __typeof__(zend_error_cb) error_cb; /* PHP's own */
        struct text why;                    /* its last error */
} extensions;

/* What both "xsl.so" and "/usr/lib/php/xsl" name. */
static bool extensions_is_same(const char *a, size_t n_a, const char *b) {
        size_t n_b = strlen(b);

        for (const char *slash; (slash = memchr(a, '/', n_a)); a = slash + 1)
                n_a -= (size_t)(slash + 1 - a);
        for (const char *slash; (slash = memchr(b, '/', n_b)); b = slash + 1)
                n_b -= (size_t)(slash + 1 - b);
        n_a -= n_a > 3 && memcmp(a + n_a - 3, ".so", 3) == 0 ? 3 : 0;
        n_b -= n_b > 3 && memcmp(b + n_b - 3, ".so", 3) == 0 ? 3 : 0;
        return n_a == n_b && memcmp(a, b, n_a) == 0;
}

/* A line "extension = NAME" of an ini file. */
static bool extensions_is_line(const char *line, const char *directive, const char *name) {
        static const char blanks[] = " \t";
        size_t n = strlen(directive);
        char quote[2] = "";

        line += strspn(line, blanks);
        if (strncasecmp(line, directive, n) != 0)
                return false;
        line += n + strspn(line + n, blanks);
        if (*line != '=')
                return false;
        line += 1 + strspn(line + 1, blanks);
        if (*line == '"' || *line == '\'')
                quote[0] = *line++;
        return extensions_is_same(line, strcspn(line, *quote ? quote : " \t\r\n;"), name);
}

/* Of several lines the first that has not been told. */
static bool extensions_is_told(const char *file, unsigned line) {
        _cleanup_text_ struct text place = { 0 };

        text_printf(&place, "[%s:%u] ", file, line);
        return strstr(sapi_remarks_get(), text_peek(&place));
}

/* 0: the file has no such line. */
static unsigned extensions_find_line(const char *file, const char *directive, const char *name) {
        _cleanup_free_ char *all = NULL;
        unsigned n = 1;

        if (fd_read_file(file, EXTENSIONS_FILE_MAX, &all, NULL) < 0)
                return 0;
        for (const char *line = all; line; n++) {
                if (extensions_is_line(line, directive, name) && !extensions_is_told(file, n))
                        return n;
                line = strchr(line, '\n');
                line += line != NULL;
        }
        return 0;
}

/* "[FILE:LINE] extension = NAME", of the files that PHP has read. False: none of them. */
static bool extensions_put_file(const char *directive, const char *name, struct text *out) {
        _cleanup_free_ char *list = NULL;
        const char *files, *one;
        size_t n;

        if (sapi_inifiles_list(&list) < 0)
                return false;
        files = list;
        while ((one = text_word(&files, ",", &n))) {
                _cleanup_free_ char *file = strndup(one, n);
                unsigned line = file ? extensions_find_line(file, directive, name) : 0;

                if (line > 0) {
                        text_printf(out, "[%s:%u] %s = %s", file, line, directive, name);
                        return true;
                }
        }
        return false;
}

static bool extensions_put_pool(const char *directive, const char *name, struct text *out) {
        const struct conf_pool *pool = sapi_module_pool();

        for (size_t i = 0; i < pool->n_php_settings; i++) {
                const struct conf_php_setting *s = &pool->php_settings[i];
                const char *file = s->where.file ? s->where.file : "";

                if (!text_equal(s->key, directive) || !extensions_is_same(s->value, strlen(s->value), name) ||
                    extensions_is_told(file, s->where.line))
                        continue;
                text_printf(out, "[%s:%u] pool '%s': php_%svalue[%s] = %s", file, s->where.line, pool->name,
                            s->admin ? "admin_" : "", directive, s->value);
                return true;
        }
        return false;
}

/* why: PHP's words, which may be several lines; or "". */
static void extensions_tell(const char *directive, const char *name, const char *why) {
        _cleanup_text_ struct text what = { 0 }, words = { 0 };
        const char *line;
        size_t n;

        if (!extensions_put_file(directive, name, &what) && !extensions_put_pool(directive, name, &what))
                text_printf(&what, "%s = %s", directive, name);
        while ((line = text_word(&why, "\n", &n)))
                text_printf(&words, "%s%.*s", words.n > 0 ? " " : ": ", (int)n, line);
        sapi_remarks_add("WARNING: %s: PHP goes on without it%s", text_peek(&what), text_peek(&words));
}

/* Errors of which no function here hears. */
static void extensions_take_error(const char *says) {
        static const struct {
                const char *head, *end, *directive;
        } errors[] = { { "Failed loading Zend extension '", "' (tried", "zend_extension" },
                       { "Cannot load module \"", "\" because", "extension" } };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const char *name = says + strlen(errors[i].head), *end;
                _cleanup_free_ char *copy = NULL;

                if (!text_has_prefix(says, errors[i].head) || !(end = strstr(name, errors[i].end)))
                        continue;
                copy = strndup(name, (size_t)(end - name));
                if (copy)
                        extensions_tell(errors[i].directive, copy, says);
        }
}

static void extensions_on_error(int type, zend_string *file, const uint32_t line, zend_string *message) {
        static const char head[] = "PHP Startup: ";
        const char *says = ZSTR_VAL(message);

        if (text_has_prefix(says, head))
                says += strlen(head);
        if (extensions.loading) {
                text_done(&extensions.why);
                text_append(&extensions.why, says);
        } else
                extensions_take_error(says);
        extensions.error_cb(type, file, line, message);
}

void sapi_extensions_begin(void) {
        extensions.on = true;
        extensions.error_cb = zend_error_cb;
        zend_error_cb = extensions_on_error;
}

void sapi_extensions_end(void) {
        if (!extensions.on)
                return;
        extensions.on = false;
        if (zend_error_cb == extensions_on_error)
                zend_error_cb = extensions.error_cb;
        text_done(&extensions.why);
}

/* libphp has it, or it would be another one than we were built for. */
static void *extensions_find(const char *symbol) {
        void *real = dlsym(RTLD_NEXT, symbol);

        assert(real);
        return real;
}

/* In place of libphp's, which calls it for each extension of the settings. */
PHPAPI sapi_compat_loaded php_load_extension(const char *filename, int type, int start_now) {
        static __typeof__(php_load_extension) *real;
        sapi_compat_loaded r;

        if (!real)
                real = (__typeof__(real))extensions_find("php_load_extension");
        if (!extensions.on)
                return real(filename, type, start_now);
        text_done(&extensions.why);
        extensions.loading = true;
        r = real(filename, type, start_now);
        extensions.loading = false;
        if (r != SUCCESS)
                extensions_tell("extension", filename, text_peek(&extensions.why));
        return r;
}

/* Whether what is said on stderr is caught. The one function calls the other. */
static bool extensions_begin_aside(struct sapi_aside *a) {
        return extensions.on && !extensions.aside && (extensions.aside = sapi_aside_begin(a));
}

static void extensions_end_aside(struct sapi_aside *a, zend_result r, const char *path) {
        _cleanup_free_ char *said = sapi_aside_end(a);

        extensions.aside = false;
        fputs(said ? said : "", stderr);
        if (r != SUCCESS)
                extensions_tell("zend_extension", path, said ? said : "");
}

/* In place of libphp's, for extensions of the engine that the settings name with their folder, and without. */
ZEND_API zend_result zend_load_extension(const char *path) {
        static __typeof__(zend_load_extension) *real;
        struct sapi_aside aside;
        bool caught;
        zend_result r;

        if (!real)
                real = (__typeof__(real))extensions_find("zend_load_extension");
        caught = extensions_begin_aside(&aside);
        r = real(path);
        if (caught)
                extensions_end_aside(&aside, r, path);
        return r;
}

ZEND_API zend_result zend_load_extension_handle(DL_HANDLE handle, const char *path) {
        static __typeof__(zend_load_extension_handle) *real;
        struct sapi_aside aside;
        bool caught;
        zend_result r;

        if (!real)
                real = (__typeof__(real))extensions_find("zend_load_extension_handle");
        caught = extensions_begin_aside(&aside);
        r = real(handle, path);
        if (caught)
                extensions_end_aside(&aside, r, path);
        return r;
}
