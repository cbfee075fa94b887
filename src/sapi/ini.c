/* SPDX-License-Identifier: MIT */
/*
 * Settings that do not come from php.ini: the command line's, the pool's, and those a web server sends with a
 * request.
 *
 * The pool's are set twice. First as text that PHP reads behind php.ini, so that values which count only at module
 * start-up (opcache's memory, extensions to load) are there in time; php-fpm cannot do that. Then again after start-
 * up with their modes: an admin setting is locked against ini_set() and .user.ini, a plain one stays free.
 * disable_functions and disable_classes add to php.ini's and so are left out of the text.
 *
 * A request's settings, PHP_VALUE and PHP_ADMIN_VALUE, end with the request. (php-fpm leaves them to whichever
 * request the worker serves next.) PHP restores values and modes; functions and classes that were disabled, and
 * extensions that were loaded, it cannot take back, so a worker that has such a request ends with it.
 */

#include <ctype.h>
#include <errno.h>

#include "sapi/internal.h"

#include "base/program.h"
#include "base/text.h"

/* Keys that php.ini does not treat as a value: each line adds to what is there. */
enum ini_kind { INI_VALUE, INI_EXTENSION, INI_ZEND_EXTENSION, INI_DISABLE_FUNCTIONS, INI_DISABLE_CLASSES };

static enum ini_kind ini_kind_of(const char *key) {
        static const char *const names[] = { NULL, "extension", "zend_extension", "disable_functions",
                                             "disable_classes" };

        for (size_t i = 1; i < ELEMENTSOF(names); i++)
                if (text_equal(key, names[i]))
                        return (enum ini_kind)i;
        return INI_VALUE;
}

/* A value in single quotes is taken as it is; a single quote itself is put between double ones. */
static void ini_put_quoted(struct text *t, const char *value) {
        text_append_c(t, '\'');
        for (const char *p = value; *p; p++) {
                if (*p == '\'')
                        text_append(t, "'\"'\"'");
                else
                        text_append_c(t, *p);
        }
        text_append_c(t, '\'');
}

static bool ini_key_is_plain(const char *key) {
        for (const char *p = key; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
                        return false;
        return *key;
}

static void ini_put_pool_setting(struct text *t, const struct conf_php_setting *s) {
        enum ini_kind kind = ini_kind_of(s->key);

        if (!ini_key_is_plain(s->key) || kind == INI_DISABLE_FUNCTIONS || kind == INI_DISABLE_CLASSES)
                return;
        text_printf(t, "%s = ", s->key);
        ini_put_quoted(t, s->value);
        text_append_c(t, '\n');
}

/* -d key[=value], by PHP's rule: words, numbers and constants as they are, anything else quoted unless it is already.
 */
static void ini_put_define(struct text *t, const char *define) {
        const char *eq = strchr(define, '=');

        if (!eq)
                text_printf(t, "%s = 1\n", define);
        else if (eq[1] == '\0' || isalnum((unsigned char)eq[1]) || eq[1] == '"' || eq[1] == '\'')
                text_printf(t, "%s\n", define);
        else
                text_printf(t, "%.*s=\"%s\"\n", (int)(eq - define), define, eq + 1);
}

/* Later lines win: the pool's over the command line's, admin settings over plain ones. */
int sapi_ini_compose(const struct sapi_options *options, char **ret) {
        _cleanup_text_ struct text t = { 0 };
        const struct conf_pool *pool = options->pool;

        for (char *const *d = options->defines; d && *d; d++)
                ini_put_define(&t, *d);
        /* A booted worker uses the cache to its end: a restart waits for it, and is not to kill it. */
        if (pool->worker_script)
                text_append(&t, "opcache.force_restart_timeout = 2147483647\n");
        for (size_t i = 0; i < pool->n_php_settings; i++)
                if (!pool->php_settings[i].admin)
                        ini_put_pool_setting(&t, &pool->php_settings[i]);
        for (size_t i = 0; i < pool->n_php_settings; i++)
                if (pool->php_settings[i].admin)
                        ini_put_pool_setting(&t, &pool->php_settings[i]);
        if (options->tries)
                text_append(&t, "opcache.preload =\n");
        return text_finish(&t, ret, NULL);
}

/* True: some of them were there. */
static bool ini_disable_classes(const char *list) {
        const char *name;
        bool some = false;
        size_t n;

        while ((name = text_word(&list, " ,", &n)))
                some |= SAPI_COMPAT_DISABLE_CLASS(name, n) == SUCCESS;
        return some;
}

static bool ini_disable_functions(const char *list) {
        uint32_t n = zend_hash_num_elements(CG(function_table));

        zend_disable_functions(list);
        return zend_hash_num_elements(CG(function_table)) != n;
}

/* The value becomes the one that ini_restore() goes back to, and that every request starts with. */
static bool ini_set_master_value(const char *key, const char *value, bool admin) {
        zend_ini_entry *e = zend_hash_str_find_ptr(EG(ini_directives), key, strlen(key));
        zend_string *v;

        if (!e)
                return false;
        if (!e->value || strcmp(ZSTR_VAL(e->value), value) != 0) {
                v = zend_string_init(value, strlen(value), true);
                if (e->on_modify &&
                    e->on_modify(e, v, e->mh_arg1, e->mh_arg2, e->mh_arg3, ZEND_INI_STAGE_ACTIVATE) != SUCCESS) {
                        zend_string_release(v);
                        return false;
                }
                /* The old one is not released: a handler may have kept it. */
                e->value = v;
        }
        if (admin)
                e->modifiable = ZEND_INI_SYSTEM;
        return true;
}

/* True: PHP has something less than before. */
static bool ini_disable(enum ini_kind kind, const char *list) {
        if (kind == INI_DISABLE_FUNCTIONS)
                return ini_disable_functions(list);
        return kind == INI_DISABLE_CLASSES && ini_disable_classes(list);
}

/* php-fpm's lines about settings that PHP did not take, for workers under that name. */
static struct text ini_refused;

static void ini_is_refused(const struct conf_php_setting *s) {
        bool known = zend_hash_str_exists(EG(ini_directives), s->key, strlen(s->key));
        const char *kind = s->admin ? "admin_" : "";

        if (program_is_php_fpm())
                text_printf(&ini_refused, "Unable to set php_%svalue '%s'\n", kind, s->key);
        sapi_remarks_add("[%s:%u] pool '%s': Unable to set php_%svalue '%s': %s", s->where.file ?: "", s->where.line,
                         sapi_module_pool()->name, kind, s->key,
                         known ? "PHP does not take the value" : "PHP, with its extensions, has no such setting");
}

void sapi_ini_say_refused(void) {
        for (const char *p = text_peek(&ini_refused); *p;) {
                size_t n = strcspn(p, "\n");

                log_say_printf(LOG_LEVEL_ERROR, "%.*s", (int)n, p);
                p += n + (p[n] == '\n');
        }
}

static void ini_apply_pool_setting(const struct conf_php_setting *s) {
        enum ini_kind kind = ini_kind_of(s->key);

        if (kind == INI_EXTENSION || kind == INI_ZEND_EXTENSION)
                return;
        if (!ini_set_master_value(s->key, s->value, s->admin))
                ini_is_refused(s);
        (void)ini_disable(kind, s->value);
}

void sapi_ini_apply_pool(const struct conf_pool *pool) {
        for (size_t i = 0; i < pool->n_php_settings; i++)
                if (!pool->php_settings[i].admin)
                        ini_apply_pool_setting(&pool->php_settings[i]);
        for (size_t i = 0; i < pool->n_php_settings; i++)
                if (pool->php_settings[i].admin)
                        ini_apply_pool_setting(&pool->php_settings[i]);
}

/* The names that it registers must outlive the request. */
static bool ini_load_extension(const char *name) {
        bool ok;

        zend_interned_strings_switch_storage(false);
        ok = php_load_extension(name, MODULE_PERSISTENT, 1) == SUCCESS;
        zend_interned_strings_switch_storage(true);
        sapi_current.lasting |= ok;
        return ok;
}

/* PHP locks an entry for an admin setting before it knows whether it takes the value; a refused one locks nothing. */
static bool ini_alter(zval *key, zval *value, int mode) {
        zend_ini_entry *e = zend_hash_find_ptr(EG(ini_directives), Z_STR_P(key));
        uint8_t modifiable = e ? e->modifiable : 0;
        zend_string *v = zend_string_init(Z_STRVAL_P(value), Z_STRLEN_P(value), false);
        bool ok = zend_alter_ini_entry_ex(Z_STR_P(key), v, mode, ZEND_INI_STAGE_ACTIVATE, true) == SUCCESS;

        zend_string_release(v);
        if (!ok && e)
                e->modifiable = modifiable;
        return ok;
}

static bool ini_set_request_value(zval *key, zval *value, int mode) {
        enum ini_kind kind = ini_kind_of(Z_STRVAL_P(key));

        if (kind == INI_EXTENSION)
                return *Z_STRVAL_P(value) && ini_load_extension(Z_STRVAL_P(value));
        if (!ini_alter(key, value, mode))
                return false;
        sapi_current.lasting |= ini_disable(kind, Z_STRVAL_P(value));
        return true;
}

#define INI_PASSING "Passing INI directive through FastCGI: "

static void ini_on_request_line(zval *key, zval *value, zval *index, int type, void *arg) {
        const int *mode = arg;
        const char *name;

        if (!key)
                return;
        name = Z_TYPE_P(key) == IS_STRING ? Z_STRVAL_P(key) : "";
        if (type != ZEND_INI_PARSER_ENTRY)
                sapi_message_printf(LOG_LEVEL_ERROR, INI_PASSING "only classic entries are allowed");
        else if (!value)
                sapi_message_printf(LOG_LEVEL_ERROR, INI_PASSING "empty value for key '%s'", name);
        else if (!*name || Z_TYPE_P(value) != IS_STRING || !ini_set_request_value(key, value, *mode))
                sapi_message_printf(LOG_LEVEL_ERROR, INI_PASSING "unable to set '%s'", name);
}

static void ini_apply_request_text(const char *lines, int mode) {
        char *copy;

        if (!lines || !*lines)
                return;
        zend_spprintf(&copy, 0, "%s\n", lines);
        zend_parse_ini_string(copy, true, ZEND_INI_SCANNER_NORMAL, ini_on_request_line, &mode);
        efree(copy);
}

/* security.wire_ini = no: what the web server sends changes no setting. Told once by each worker, not once by each
 * request. */
static bool ignore_request_ini(void) {
        static bool told;

        if (sapi_module_pool()->wire_ini)
                return false;
        if (!told && (SAPI_ENV("PHP_VALUE") || SAPI_ENV("PHP_ADMIN_VALUE"))) {
                told = true;
                log_warning("PHP_VALUE and PHP_ADMIN_VALUE from the web server are ignored: security.wire_ini is off");
        }
        return true;
}

/* Before the request's start-up: what it reads there, post_max_size for one, may be among them. Extensions take their
 * values as they do there, in a booted process too: where they are active, some answer one that they do not know with a
 * fatal error, and else do without, and say so when it is used. */
void sapi_ini_apply_request(void) {
        bool active = PG(modules_activated);

        if (ignore_request_ini())
                return;
        PG(modules_activated) = false;
        zend_try {
                ini_apply_request_text(SAPI_ENV("PHP_VALUE"), ZEND_INI_USER);
                ini_apply_request_text(SAPI_ENV("PHP_ADMIN_VALUE"), ZEND_INI_SYSTEM);
        }
        zend_catch {
                PG(modules_activated) = active;
                zend_bailout();
        }
        zend_end_try();
        PG(modules_activated) = active;
}
