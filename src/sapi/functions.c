/* SPDX-License-Identifier: MIT */
/*
 * The PHP module "cgi-fcgi": the functions and ini directives that php-fpm offers under that name. Its last hook is
 * also where the reply ends: by then the session is saved, and files, locks, database connections and whatever else the
 * request had open are closed. A client that has the whole reply may come back at once, and must find them so. What is
 * left of PHP's request shutdown only frees memory.
 */

#include "sapi/booted.h"

struct sapi_settings sapi_settings;

static PHP_FUNCTION(fpm_get_status) {
        ZEND_PARSE_PARAMETERS_NONE();
        if (!sapi_status_fill(return_value))
                RETURN_FALSE;
}

PHP_FUNCTION(fastcgi_finish_request) {
        ZEND_PARSE_PARAMETERS_NONE();
        if (!sapi_current.io || sapi_current.finished)
                RETURN_FALSE;
        php_output_end_all();
        php_header();
        sapi_body_keep();
        sapi_request_finish(true);
        RETURN_TRUE;
}

PHP_FUNCTION(apache_request_headers) {
        ZEND_PARSE_PARAMETERS_NONE();
        array_init(return_value);
        if (sapi_current.io)
                sapi_env_headers(return_value);
}

void sapi_functions_watch(const char *name, zif_handler watcher, zif_handler *ret_original) {
        zend_function *f = zend_hash_str_find_ptr(CG(function_table), name, strlen(name));

        if (!f || f->type != ZEND_INTERNAL_FUNCTION)
                return;
        *ret_original = f->internal_function.handler;
        f->internal_function.handler = watcher;
}

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_bool, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_array, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_MASK_EX(arginfo_array_or_false, 0, 0, MAY_BE_ARRAY | MAY_BE_FALSE)
ZEND_END_ARG_INFO()

/* PHP's own handlers would look for a thread's settings, where there are threads. */
static ZEND_INI_MH(functions_on_switch) {
        *(bool *)((char *)&sapi_settings + (size_t)mh_arg1) = zend_ini_parse_bool(new_value);
        return SUCCESS;
}

static ZEND_INI_MH(functions_on_text) {
        *(char **)((char *)&sapi_settings + (size_t)mh_arg1) = new_value ? ZSTR_VAL(new_value) : NULL;
        return SUCCESS;
}

/* A setting of the FastCGI side, kept in sapi_settings. */
#define FUNCTIONS_SWITCH(name, value, mode, field)                                                                     \
        ZEND_INI_ENTRY3_EX(name, value, mode, functions_on_switch, (void *)offsetof(struct sapi_settings, field),      \
                           NULL, NULL, zend_ini_boolean_displayer_cb)
#define FUNCTIONS_TEXT(name, value, mode, field)                                                                       \
        ZEND_INI_ENTRY1(name, value, mode, functions_on_text, (void *)offsetof(struct sapi_settings, field))

/* clang-format off */
static const zend_function_entry functions[] = {
        PHP_FE(fastcgi_finish_request, arginfo_bool)
        PHP_FE(apache_request_headers, arginfo_array)
        PHP_FALIAS(getallheaders, apache_request_headers, arginfo_array)
        PHP_FE(fpm_get_status, arginfo_array_or_false)
        PHP_FE_END
};

PHP_INI_BEGIN()
        FUNCTIONS_SWITCH("cgi.rfc2616_headers",        "0",  PHP_INI_ALL,    rfc2616_headers)
        FUNCTIONS_SWITCH("cgi.nph",                    "0",  PHP_INI_ALL,    nph)
        FUNCTIONS_SWITCH("cgi.force_redirect",         "1",  PHP_INI_SYSTEM, force_redirect)
        FUNCTIONS_TEXT("cgi.redirect_status_env",      NULL, PHP_INI_SYSTEM, redirect_status_env)
        FUNCTIONS_SWITCH("cgi.fix_pathinfo",           "1",  PHP_INI_SYSTEM, fix_pathinfo)
        FUNCTIONS_SWITCH("cgi.discard_path",           "0",  PHP_INI_SYSTEM, discard_path)
        FUNCTIONS_SWITCH("fastcgi.script_path_encoded", "1", PHP_INI_SYSTEM, script_path_encoded)
        FUNCTIONS_SWITCH("fastcgi.logging",            "1",  PHP_INI_SYSTEM, logging)
        FUNCTIONS_TEXT("fastcgi.error_header",         NULL, PHP_INI_SYSTEM, error_header)
        FUNCTIONS_TEXT("fpm.config",                   NULL, PHP_INI_SYSTEM, config)
PHP_INI_END()
/* clang-format on */

static PHP_MINIT_FUNCTION(sapi_functions) {
        REGISTER_INI_ENTRIES();
        sapi_inifiles_tell(sapi_module_options());
        sapi_message_observe();
        sapi_signals_start();
        sapi_directory_start();
        sapi_fence_start();
        sapi_children_start();
        if (sapi_module_pool()->worker_script) {
                sapi_callables_register();
                sapi_between_start();
                sapi_leaksites_start();
                sapi_cachememory_start();
        }
        return SUCCESS;
}

static PHP_MSHUTDOWN_FUNCTION(sapi_functions) {
        UNREGISTER_INI_ENTRIES();
        return SUCCESS;
}

/* A user's handler may end in a fatal error, which is a long jump. PHP must not find the session open then, and call
 * the handler once more. False: so it was, and the session's own hook has something to say about it. */
static bool functions_save_session(void) {
        volatile bool saved = false;

        if (!php_session_flush)
                return true;
        zend_try {
                php_session_flush(1);
                saved = true;
        }
        zend_end_try();
        if (!saved && SAPI_COMPAT_HAS_SESSION())
                PS(session_status) = php_session_none;
        return saved;
}

/* Calls what header_register_callback() was given. */
static void functions_send_headers(void) {
        zend_try {
                php_header();
        }
        zend_end_try();
}

/* Where PHP goes on in its own way, or not at all, after a request has ended. The session is saved here, as its own
 * hook may not run any more. */
void sapi_functions_end(void) {
        bool saved;

        sapi_limit_end();
        saved = functions_save_session();
        functions_send_headers();
        sapi_current.memory_peak = zend_memory_peak_usage(true);
        if (saved) {
                sapi_request_finish(false);
                sapi_request_abandon();
        }
}

static PHP_RSHUTDOWN_FUNCTION(sapi_functions) {
        if (!sapi_current.io)
                return SUCCESS;
        sapi_limit_end();
        sapi_current.memory_peak = zend_memory_peak_usage(true);
        sapi_warmup_note();
        if (sapi_request_is_fatal())
                sapi_functions_end();
        return SUCCESS;
}

static ZEND_MODULE_POST_ZEND_DEACTIVATE_D(sapi_functions) {
        if (sapi_current.io)
                sapi_request_finish(false);
        return SUCCESS;
}

static PHP_MINFO_FUNCTION(sapi_functions) {
        php_info_print_table_start();
        php_info_print_table_row(2, "php-fpm", "active");
        php_info_print_table_row(2, "fpmd", FPMD_VERSION);
        php_info_print_table_end();
        DISPLAY_INI_ENTRIES();
}

zend_module_entry sapi_functions_module = {
        STANDARD_MODULE_HEADER,
        "cgi-fcgi",
        functions,
        PHP_MINIT(sapi_functions),
        PHP_MSHUTDOWN(sapi_functions),
        NULL,
        PHP_RSHUTDOWN(sapi_functions),
        PHP_MINFO(sapi_functions),
        PHP_VERSION,
        NO_MODULE_GLOBALS,
        ZEND_MODULE_POST_ZEND_DEACTIVATE_N(sapi_functions),
        STANDARD_MODULE_PROPERTIES_EX,
};
