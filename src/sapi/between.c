/* SPDX-License-Identifier: MIT */
/*
 * What PHP's own request shutdown would reset in the middle of a booted script, and may not, since the boot has set it:
 * after each request it is put back to what the boot has left.
 *
 * State that C code can reach is compared with what was remembered. State that is an extension's own is read and set by
 * the extension's functions, and only after a request that has called one of them: they are watched.
 */

#include <libintl.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sapi/booted.h"

/* ASSERT_CALLBACK, which PHP has in no header. */
#define BETWEEN_ASSERT_CALLBACK 2

/*   name       sets                             reads                              of what, where a function is for
 *                                                                                  several things */
#define BETWEEN_SETTERS(X)                                                                                             \
        X(timezone, "date_default_timezone_set", "date_default_timezone_get", 0)                                       \
        X(internal, "mb_internal_encoding", "mb_internal_encoding", 0)                                                 \
        X(output, "mb_http_output", "mb_http_output", 0)                                                               \
        X(order, "mb_detect_order", "mb_detect_order", 0)                                                              \
        X(substitute, "mb_substitute_character", "mb_substitute_character", 0)                                         \
        X(regex, "mb_regex_encoding", "mb_regex_encoding", 0)                                                          \
        X(options, "mb_regex_set_options", "mb_regex_set_options", 0)                                                  \
        X(libxml, "libxml_use_internal_errors", "libxml_use_internal_errors", 0)                                       \
        X(loader, "libxml_set_external_entity_loader", "libxml_get_external_entity_loader", 0)                         \
        X(extensions, "spl_autoload_extensions", "spl_autoload_extensions", 0)                                         \
        X(assert, "assert_options", "assert_options", BETWEEN_ASSERT_CALLBACK)

/*   name       begins                 ends                   with */
#define BETWEEN_ENDERS(X)                                                                                              \
        X(syslog, "openlog", "closelog", NULL)                                                                         \
        X(search, "mb_ereg_search_init", "mb_ereg_search_init", "") /* the text and what was found in it */

struct between_setter {
        const char *set, *get;
        zend_long what; /* 0: the one thing that they are for */
        bool changed;
        bool ends; /* the extension's own end resets it as well, see betweenmodules.c */
        zval boot; /* UNDEF: there is no such function */
};

struct between_ender {
        const char *begin, *end;
        const char *argument; /* NULL: none */
        bool begun;
};

#define X(name, set, get, what) SETTER_##name,
enum between_setter_row { BETWEEN_SETTERS(X) _SETTER_MAX };
#undef X
#define X(name, setter, getter, option) [SETTER_##name] = { .set = setter, .get = getter, .what = option },
static struct between_setter between_setters[] = { BETWEEN_SETTERS(X) };
#undef X
#define X(name, begin, end, with) ENDER_##name,
enum between_ender_row { BETWEEN_ENDERS(X) _ENDER_MAX };
#undef X
#define X(name, first, last, with) [ENDER_##name] = { .begin = first, .end = last, .argument = with },
static struct between_ender between_enders[] = { BETWEEN_ENDERS(X) };
#undef X

#define X(name, set, get, what)                                                                                        \
        static zif_handler between_set_##name;                                                                         \
        static ZEND_NAMED_FUNCTION(between_on_##name) {                                                                \
                between_setters[SETTER_##name].changed |= ZEND_NUM_ARGS() > 0;                                         \
                between_set_##name(INTERNAL_FUNCTION_PARAM_PASSTHRU);                                                  \
        }
BETWEEN_SETTERS(X)
#undef X

#define X(name, begin, end, with)                                                                                      \
        static zif_handler between_begin_##name;                                                                       \
        static ZEND_NAMED_FUNCTION(between_on_##name) {                                                                \
                between_enders[ENDER_##name].begun = true;                                                             \
                between_begin_##name(INTERNAL_FUNCTION_PARAM_PASSTHRU);                                                \
        }
BETWEEN_ENDERS(X)
#undef X

static struct {
        char *locale;
        char *text_domain; /* of gettext */
        zend_string *ctype;
        HashTable putenv; /* what the boot has put, and what was there before */
        HashTable *shutdown_functions;
        zend_llist *ticks; /* NULL: it has registered no tick function */
        const zend_llist_element **tick_places;
        size_t n_ticks;   /* that are still there */
        size_t n_tickers; /* PHP's own, of which one calls those */
} between;

static zif_handler between_reset_cache, between_drop_tick;

/* The boot's come first, in their order; a request may have taken some away. */
static void between_count_ticks(void) {
        const zend_llist_element *e = between.ticks ? between.ticks->head : NULL;
        size_t n = 0;

        for (size_t i = 0; i < between.n_ticks && e; i++)
                if (e == between.tick_places[i]) {
                        between.tick_places[n++] = e;
                        e = e->next;
                }
        between.n_ticks = n;
}

static ZEND_NAMED_FUNCTION(between_on_drop_tick) {
        between_drop_tick(INTERNAL_FUNCTION_PARAM_PASSTHRU);
        between_count_ticks();
}

/* The cache would be in use for as long as one booted worker lives, and nothing more be kept in it. */
static ZEND_NAMED_FUNCTION(between_on_reset_cache) {
        ZEND_PARSE_PARAMETERS_NONE();
        php_error_docref(NULL, E_WARNING, "has no effect in a pool with worker.script: reload the pool");
        RETURN_FALSE;
}

void sapi_between_start(void) {
#define X(name, set, get, what) sapi_functions_watch(set, between_on_##name, &between_set_##name);
        BETWEEN_SETTERS(X)
#undef X
#define X(name, begin, end, with) sapi_functions_watch(begin, between_on_##name, &between_begin_##name);
        BETWEEN_ENDERS(X)
#undef X
        sapi_betweenini_start();
        sapi_betweenstreams_start();
        sapi_functions_watch("unregister_tick_function", between_on_drop_tick, &between_drop_tick);
        sapi_functions_watch("opcache_reset", between_on_reset_cache, &between_reset_cache);
}

/* Nobody is told what it complains of, nor that it is deprecated: no line of the application's calls it here. What a
 * destructor has thrown before stays thrown, for booted_end() to tell. */
static void between_call_function(zend_function *f, uint32_t n, zval *arguments, zval *ret) {
        uint32_t flags = f ? f->common.fn_flags : 0;
        zend_object *thrown = EG(exception);
        int reporting = EG(error_reporting);
        zval handler;

        ZVAL_UNDEF(ret);
        if (!f)
                return;
        f->common.fn_flags &= ~(uint32_t)ZEND_ACC_DEPRECATED;
        ZVAL_COPY_VALUE(&handler, &EG(user_error_handler));
        ZVAL_UNDEF(&EG(user_error_handler)); /* it hears of what is not reported as well */
        EG(error_reporting) &= E_FATAL_ERRORS;
        EG(exception) = NULL;
        sapi_leaksites_hold(true);
        zend_call_known_function(f, NULL, NULL, ret, n, arguments, NULL);
        sapi_leaksites_hold(false);
        if (EG(exception))
                zend_clear_exception();
        EG(exception) = thrown;
        EG(error_reporting) = reporting;
        ZVAL_COPY_VALUE(&EG(user_error_handler), &handler);
        f->common.fn_flags = flags;
}

static zend_function *between_find(const char *name) {
        return zend_hash_str_find_ptr(CG(function_table), name, strlen(name));
}

static void between_call(const char *name, uint32_t n, zval *arguments, zval *ret) {
        between_call_function(between_find(name), n, arguments, ret);
}

static void between_read(const struct between_setter *s, zval *ret) {
        zval what;

        ZVAL_LONG(&what, s->what);
        between_call(s->get, s->what > 0, &what, ret);
}

static void between_set(const struct between_setter *s) {
        zval arguments[2], result;

        ZVAL_LONG(&arguments[0], s->what);
        ZVAL_COPY_VALUE(&arguments[1], &s->boot);
        between_call(s->set, s->what > 0 ? 2 : 1, arguments + (s->what > 0 ? 0 : 1), &result);
        zval_ptr_dtor(&result);
}

void sapi_between_remember_settings(void) {
        for (size_t i = 0; i < ELEMENTSOF(between_setters); i++) {
                struct between_setter *s = &between_setters[i];

                between_read(s, &s->boot);
                s->changed = false;
        }
        between_setters[SETTER_libxml].ends = zend_is_true(&between_setters[SETTER_libxml].boot);
        between_setters[SETTER_loader].ends = zend_is_true(&between_setters[SETTER_loader].boot);
        for (size_t i = 0; i < ELEMENTSOF(between_enders); i++)
                between_enders[i].begun = false;
}

static void between_set_back(void) {
        zval result;

        for (size_t i = 0; i < ELEMENTSOF(between_setters); i++) {
                struct between_setter *s = &between_setters[i];

                if (!s->changed && !s->ends)
                        continue;
                between_set(s);
                s->changed = false;
        }
        for (size_t i = 0; i < ELEMENTSOF(between_enders); i++) {
                struct between_ender *e = &between_enders[i];
                zval argument;

                if (!e->begun)
                        continue;
                if (e->argument)
                        ZVAL_STRING(&argument, e->argument);
                between_call(e->end, e->argument ? 1 : 0, &argument, &result);
                zval_ptr_dtor(&result);
                if (e->argument)
                        zval_ptr_dtor(&argument);
                e->begun = false;
        }
}

/* What a request puts is undone by its own table's destructor. */
static void between_remember_env(void) {
        between.putenv = BG(putenv_ht);
        zend_hash_init(&BG(putenv_ht), 1, NULL, between.putenv.pDestructor, false);
}

static void between_put_env_back(void) {
        if (zend_hash_num_elements(&BG(putenv_ht)) > 0)
                zend_hash_clean(&BG(putenv_ht));
}

static void between_remember_locale(void) {
        const char *now = setlocale(LC_ALL, NULL);

        between.locale = now ? strdup(now) : NULL;
        between.text_domain = strdup(textdomain(NULL));
        between.ctype = BG(ctype_string) ? zend_string_copy(BG(ctype_string)) : NULL;
        BG(locale_changed) = false;
}

static void between_put_locale_back(void) {
        if (between.text_domain && strcmp(textdomain(NULL), between.text_domain) != 0)
                (void)textdomain(between.text_domain);
        if (!BG(locale_changed))
                return;
        if (between.locale)
                (void)setlocale(LC_ALL, between.locale);
        zend_update_current_locale();
        if (BG(ctype_string))
                zend_string_release(BG(ctype_string));
        BG(ctype_string) = between.ctype ? zend_string_copy(between.ctype) : NULL;
        BG(locale_changed) = false;
}

/* PHP notes the mask that was there before the first umask() of a request. */
static void between_put_umask_back(void) {
        if (BG(umask) != -1)
                (void)umask((mode_t)BG(umask));
        BG(umask) = -1;
}

/* Opcache keeps the path of the current directory until chdir() is called, and finds included files by it. */
static void between_put_directory_back(void) {
        zval here, result;

        if (!sapi_directory_end())
                return;
        ZVAL_STRING(&here, "."); /* it may be outside of open_basedir: opcache forgets all the same */
        between_call("chdir", 1, &here, &result);
        zval_ptr_dtor(&result);
        zval_ptr_dtor(&here);
}

/* What DateTime::getLastErrors() tells; the next time that is parsed replaces it. */
static void between_forget_date_errors(void) {
        static zend_function *tell; /* it is asked after each request */
        zval errors, time, parsed;

        if (!tell)
                tell = between_find("date_get_last_errors");
        between_call_function(tell, 0, NULL, &errors);
        if (Z_TYPE(errors) == IS_ARRAY) {
                ZVAL_STRING(&time, "@0");
                between_call("date_create", 1, &time, &parsed);
                zval_ptr_dtor(&parsed);
                zval_ptr_dtor(&time);
        }
        zval_ptr_dtor(&errors);
}

static void between_forget_strings(void) {
        if (BG(strtok_string))
                zend_string_release(BG(strtok_string));
        BG(strtok_string) = NULL;
        BG(strtok_last) = NULL;
        if (PG(last_error_message))
                zend_string_release(PG(last_error_message));
        if (PG(last_error_file))
                zend_string_release(PG(last_error_file));
        PG(last_error_message) = NULL;
        PG(last_error_file) = NULL;
        PG(last_error_type) = 0;
        PG(last_error_lineno) = 0;
        if (PG(php_sys_temp_dir)) /* of TMPDIR and of a setting that the web server may send */
                efree(PG(php_sys_temp_dir));
        PG(php_sys_temp_dir) = NULL;
        php_clear_stat_cache(0, NULL, 0);
        PCRE_G(error_code) = PHP_PCRE_NO_ERROR;
}

/* Of URLs in pages: session.use_trans_sid, and output_add_rewrite_var(). Its output layer has gone with the request,
 * and would not be made again. */
static void between_end_rewriting(url_adapt_state_ex_t *s) {
        smart_str *texts[] = { &s->form_app, &s->url_app, &s->result, &s->buf, &s->tag, &s->arg, &s->attr_val };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                smart_str_free(texts[i]);
        s->active = s->tag_type = s->attr_type = 0;
}

static void between_remember_ticks(void) {
        between.ticks = BG(user_tick_functions);
        between.n_ticks = between.ticks ? zend_llist_count(between.ticks) : 0;
        between.tick_places = safe_emalloc(between.n_ticks, sizeof(*between.tick_places), 0);
        for (size_t i = 0; i < between.n_ticks; i++)
                between.tick_places[i] = i > 0 ? between.tick_places[i - 1]->next : between.ticks->head;
        between.n_tickers = zend_llist_count(&PG(tick_functions));
}

static void between_forget_ticks(void) {
        zend_llist *now = BG(user_tick_functions);

        if (now && !between.ticks) {
                zend_llist_destroy(now);
                efree(now);
                BG(user_tick_functions) = NULL;
        } else
                while (now && zend_llist_count(now) > between.n_ticks)
                        zend_llist_remove_tail(now);
        while (zend_llist_count(&PG(tick_functions)) > between.n_tickers)
                zend_llist_remove_tail(&PG(tick_functions));
}

void sapi_between_remember(void) {
        between.shutdown_functions = BG(user_shutdown_function_names);
        BG(user_shutdown_function_names) = NULL;
        BG(umask) = -1;
        between_remember_env();
        between_remember_locale();
        between_remember_ticks();
        between_set_back();
        between_forget_strings();
        between_forget_date_errors();
        sapi_betweenstreams_remember();
        sapi_betweenhandlers_remember();
        sapi_betweenglobals_remember();
        sapi_betweenini_remember();
}

void sapi_between_give_shutdown_functions(void) {
        if (!BG(user_shutdown_function_names))
                BG(user_shutdown_function_names) = TAKE_PTR(between.shutdown_functions);
}

/* Settings last: other things' setters may have changed them. */
void sapi_between_back(void) {
        between_put_umask_back();
        between_put_env_back();
        between_put_locale_back();
        between_forget_ticks();
        between_end_rewriting(&BG(url_adapt_session_ex));
        between_end_rewriting(&BG(url_adapt_output_ex));
        sapi_betweenhandlers_back();
        sapi_betweenstreams_back();
        between_set_back();
        sapi_betweenini_back();
        between_put_directory_back();
        between_forget_date_errors();
        between_forget_strings();
}
