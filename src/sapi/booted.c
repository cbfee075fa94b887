/* SPDX-License-Identifier: MIT */
/*
 * worker.script: the script runs once, in one request of PHP's, and answers many requests from within, each by a call
 * of fpmd_handle_request(), whose callback is the request.
 *
 *     boot -> the first call: it is ready -> [wait -> begin -> callback -> end -> what it changed is put back] ... ->
 *        the call says false -> the script's rest -> PHP's request shutdown
 *
 * Between two requests there is no request: output goes to the process's stdout, through output layers of its own, and
 * what header() sets goes nowhere.
 *
 * exit() and fatal errors end the script as well as the request, and the process: it is replaced by one that has booted
 * afresh. An uncaught exception ends its request alone, as PHP has unwound from it like from a caught one.
 */

#include <inttypes.h>
#include <stdio.h>

#include "sapi/booted.h"

#include "base/text.h"
#include "fcgi/params.h"
#include "log/log.h"

static struct {
        const struct sapi_boot *boot; /* NULL: this process does not boot */
        bool ready;
        const struct sapi_booted_call *call; /* of the one that waits or is served */
        bool called;                         /* it has been */
        bool exited;                         /* by exit() */
        bool over;                           /* the script has come to its end */
} booted;

bool sapi_booted_waits(void) {
        return booted.call && !booted.called;
}

bool sapi_booted_boots(void) {
        return booted.boot && !booted.ready;
}

bool sapi_booted_is_between(void) {
        return booted.ready && (!sapi_current.io || sapi_current.ended) && !CG(unclean_shutdown);
}

/* What applications ask for while they boot. */
static void booted_load_env(const char *script) {
        const char *slash = strrchr(script, '/');
        size_t n_root = slash && slash > script ? (size_t)(slash - script) : 1;

        sapi_env_load(FCGI_RESPONDER, NULL);
        SAPI_ENV_SET("FRANKENPHP_WORKER", "1", 1);
        SAPI_ENV_SET("DOCUMENT_ROOT", slash ? script : "/", n_root);
        SAPI_ENV_SET("SCRIPT_FILENAME", script, strlen(script));
        SAPI_ENV_SET("SCRIPT_NAME", slash ? slash : script, strlen(slash ? slash : script));
        SAPI_ENV_SET("REQUEST_METHOD", "GET", 3);
        SAPI_ENV_SET("REQUEST_URI", "/", 1);
        SAPI_ENV_SET("QUERY_STRING", "", 0);
}

/* Of a request, the boot, or the time between two requests: headers, body and all, and none is sent. */
static void booted_end_sapi(void) {
        php_stream *body = SG(request_info).request_body;

        sapi_deactivate();
        SG(request_info).content_type_dup = NULL;
        SG(request_info).current_user = NULL;
        SG(request_info).headers_only = false;
        SG(request_info).no_headers = true;
        if (body)
                sapi_betweenstreams_free_body(body);
}

/* The engine takes it for granted that there is an output layer. */
static void booted_renew_output(void) {
        php_output_deactivate();
        php_output_activate();
}

/* The boot ends: what a request would end with, and what it leaves is what each request begins with. */
static void booted_become_ready(void) {
        if (booted.boot->forks)
                sapi_template_look();
        zend_try {
                php_output_end_all();
        }
        zend_end_try();
        zend_unset_timeout();
        sapi_between_remember_settings();
        sapi_betweensession_remember();
        sapi_betweenmodules_end();
        booted_renew_output();
        sapi_directory_stay();
        sapi_between_remember();
        if (!booted.boot->forks)
                sapi_betweenmodules_say();
        sapi_bootio_say(booted.boot->script);
        booted_end_sapi();
        SG(server_context) = NULL;
        sapi_current = (struct sapi_current){ 0 };
        sapi_env_reset();
        booted.ready = true;
}

/* What the script has begun since the last request. False: with an exception of an output layer's. */
static bool booted_end_between(void) {
        php_output_end_all();
        sapi_betweenmodules_end_between();
        booted_end_sapi();
        return !EG(exception);
}

bool sapi_booted_serve(struct sapi_booted_call *call) {
        bool served;

        if (!booted.boot || booted.call) {
                zend_throw_exception(spl_ce_RuntimeException,
                                     "fpmd_handle_request() is for the script of worker.script, outside of a request",
                                     0);
                return false;
        }
        if (booted.over) /* a shutdown function, or a destructor */
                return false;
        if (!booted.ready)
                booted_become_ready();
        else if (!booted_end_between() || !sapi_leaks_end(&call->fci.function_name))
                return false;
        booted.call = call;
        booted.called = booted.exited = false;
        served = booted.boot->serve(booted.boot->ctx);
        booted.call = NULL;
        if (CG(unclean_shutdown))
                zend_bailout(); /* of the request, and so of the script */
        if (booted.exited)
                zend_throw_unwind_exit();
        return served;
}

/* Every request is the script's, whatever file its parameters name. */
static void booted_fill_request_info(void) {
        const char *script = booted.boot->script;

        sapi_request_fill_info();
        if (!SAPI_ENV("SCRIPT_FILENAME"))
                sapi_env_lend("SCRIPT_FILENAME", sizeof("SCRIPT_FILENAME") - 1, script);
        SG(request_info).request_uri = SAPI_ENV("SCRIPT_NAME");
        SG(request_info).path_translated = estrdup(script);
        sapi_current.script = script;
}

static void booted_start_output(void) {
        zval handler;

        if (PG(output_handler) && PG(output_handler)[0]) {
                ZVAL_STRING(&handler, PG(output_handler));
                php_output_start_user(&handler, 0, PHP_OUTPUT_HANDLER_STDFLAGS);
                zval_ptr_dtor(&handler);
        } else if (PG(output_buffering))
                php_output_start_user(NULL, PG(output_buffering) > 1 ? (size_t)PG(output_buffering) : 0,
                                      PHP_OUTPUT_HANDLER_STDFLAGS);
        else if (PG(implicit_flush))
                php_output_set_implicit_flush(1);
}

/* PHP's request start-up, without what would start the engine anew. */
static void booted_begin(const struct sapi_request *request) {
        php_output_deactivate();
        EG(exit_status) = 0;
        if (booted.boot->forks)
                sapi_template_begin();
        zend_memory_reset_peak_usage();
        sapi_env_load(request->role, request->params);
        booted_fill_request_info();
        sapi_limit_begin(request->cpu_nsec, sapi_signals_begin_request());
        sapi_ini_apply_request();
        PG(in_error_log) = false;
        PG(during_request_startup) = true;
        php_output_activate();
        PG(header_is_being_sent) = false;
        PG(connection_status) = PHP_CONNECTION_NORMAL;
        PG(in_user_include) = false;
        sapi_activate();
        zend_set_timeout(PG(max_input_time) == -1 ? EG(timeout_seconds) : PG(max_input_time), true);
        if (PG(expose_php) && !SG(headers_sent))
                sapi_add_header(SAPI_PHP_VERSION_HEADER, sizeof(SAPI_PHP_VERSION_HEADER) - 1, 1);
        booted_start_output();
        sapi_betweenglobals_make();
        sapi_betweenmodules_begin();
        SG(sapi_started) = 1;
        PG(during_request_startup) = false;
}

/* As at the end of a script. */
static void booted_on_exception(void) {
        zend_execute_data *frame = EG(current_execute_data);

        if (zend_is_unwind_exit(EG(exception)) || zend_is_graceful_exit(EG(exception))) { /* or that of a fiber */
                booted.exited = true;
                zend_clear_exception();
                return;
        }
        if (Z_TYPE(EG(user_exception_handler)) != IS_UNDEF) {
                EG(current_execute_data) = NULL; /* as at the end of a script: what it throws itself is told then */
                zend_user_exception_handler();
                EG(current_execute_data) = frame;
        }
        if (EG(exception) && zend_is_unwind_exit(EG(exception)))
                booted_on_exception();
        else if (EG(exception))
                zend_exception_error(EG(exception), E_ERROR);
}

static void booted_call(void) {
        zend_fcall_info fci = booted.call->fci;
        zend_fcall_info_cache fcc = booted.call->fcc;
        zval result;

        ZVAL_UNDEF(&result);
        fci.retval = &result;
        sapi_current.io->executing(sapi_current.ctx, sapi_current.script, SG(request_info).auth_user);
        sapi_limit_execute();
        zend_call_function(&fci, &fcc);
        zval_ptr_dtor(&result);
        if (EG(exception))
                booted_on_exception();
}

static bool booted_try(void (*step)(void)) {
        volatile bool done = false;

        zend_try {
                step();
                done = true;
        }
        zend_end_try();
        return done;
}

static void booted_answer(void) {
        if (sapi_current.body_error < 0)
                sapi_request_refuse_cut_form();
        else
                booted_call();
}

static void booted_call_destructors(void) {
        sapi_betweensession_call_destructors();
        if (EG(exception))
                booted_on_exception();
}

/* The end of PHP code, and of the reply: php_request_shutdown()'s first steps, in its order. */
static void booted_end_reply(zend_execute_data *frame) {
        EG(current_execute_data) = NULL; /* as there: shutdown functions are nobody's callees */
        SAPI_COMPAT_FORGET_OOM();
        php_call_shutdown_functions();
        EG(current_execute_data) = frame;
        if (!CG(unclean_shutdown))
                (void)booted_try(booted_call_destructors);
        EG(current_execute_data) = NULL;
        if (CG(unclean_shutdown) || booted.exited) { /* the script ends here as well, and its own may have to say why */
                php_free_shutdown_functions();
                sapi_between_give_shutdown_functions();
                php_call_shutdown_functions();
                php_free_shutdown_functions();
        }
        (void)booted_try(php_output_end_all);
        zend_unset_timeout();
        (void)booted_try(sapi_functions_end);
        EG(current_execute_data) = frame;
}

/* The rest of them, as far as the engine goes on. */
static void booted_end(void) {
        sapi_leaks_request_ends();
        sapi_betweenmodules_end();
        booted_renew_output();
        php_free_shutdown_functions();
        sapi_betweenglobals_back();
        sapi_between_back();
        booted_end_sapi();
        if (EG(exception)) /* of a destructor; there is nobody to catch it */
                zend_exception_error(EG(exception), E_WARNING);
}

bool sapi_booted_request(const struct sapi_request *request) {
        zend_execute_data *frame = EG(current_execute_data);

        booted.called = true;
        zend_try {
                sapi_leaks_begin(booted.boot, &booted.call->fci.function_name);
                booted_begin(request);
                booted_answer();
        }
        zend_end_try();
        EG(current_execute_data) = frame;
        sapi_request_put_error_header();
        booted_end_reply(frame);
        if (!CG(unclean_shutdown))
                (void)booted_try(booted_end);
        if (CG(unclean_shutdown) || booted.exited)
                sapi_leaks_give_up();
        if ((CG(unclean_shutdown) || booted.exited) && !booted.boot->forks)
                log_notice("child %d ends after %s in a request of worker.script", (int)getpid(),
                           CG(unclean_shutdown) ? "a fatal error" : "exit()");
        return !CG(unclean_shutdown) && !booted.exited;
}

/* Why the script has ended before it was ready; the caller's. */
static char *booted_reason(void) {
        _cleanup_text_ struct text t = { 0 };
        char *reason = NULL;

        if (PG(last_error_message) && EG(exit_status) == 255)
                text_printf(&t, "%s in %s on line %d", ZSTR_VAL(PG(last_error_message)),
                            PG(last_error_file) ? ZSTR_VAL(PG(last_error_file)) : "?", (int)PG(last_error_lineno));
        else
                text_printf(&t, "%s ended (exit status %d) before its first fpmd_handle_request()", booted.boot->script,
                            (int)EG(exit_status));
        for (char *p = t.data; p && *p; p++)
                if (*p == '\n')
                        *p = ' ';
        return text_finish(&t, &reason, NULL) < 0 ? NULL : reason;
}

static void booted_run_script(struct sapi_boot_end *ret) {
        zend_file_handle file;

        if (sapi_betweensession_start_request() == FAILURE)
                return;
        CG(compiler_options) |= ZEND_COMPILE_NO_CONSTANT_SUBSTITUTION; /* what a request defines is no later one's */
        if (sapi_module_options()->extended_info)
                CG(compiler_options) |= ZEND_COMPILE_EXTENDED_INFO;
        if (php_fopen_primary_script(&file) == FAILURE)
                ret->error = errno;
        else if (!sapi_fence_opened(&file)) {
                ret->error = errno;
                zend_destroy_file_handle(&file);
        } else {
                sapi_directory_enter(booted.boot->script);
                php_execute_script(&file);
                zend_destroy_file_handle(&file);
        }
        booted.over = true;
        ret->booted = booted.ready;
        if (!ret->booted && !ret->error)
                ret->reason = booted_reason();
        sapi_bootio_say(booted.boot->script);
        sapi_leaks_give_up();
        if (ret->booted)
                sapi_between_give_shutdown_functions();
        if (ret->booted && booted.boot->forks)
                sapi_template_end();
        else
                php_request_shutdown(NULL);
}

/* False: the fence keeps the script out, or there is none. */
static bool booted_admit(struct sapi_boot_end *ret) {
        int r = sapi_fence_admit(booted.boot->script, &sapi_current.script);

        if (r < 0)
                ret->error = -r;
        else if (r > 0)
                ret->reason = strdup(sapi_fence_reason());
        return r == 0;
}

void sapi_booted_run(const struct sapi_boot *boot, struct sapi_boot_end *ret) {
        *ret = (struct sapi_boot_end){ 0 };
        booted.boot = boot;
        sapi_current = (struct sapi_current){ .io = &sapi_bootio, .script = boot->script };
        SG(server_context) = &sapi_current;
        (void)sapi_signals_begin_request();
        sapi_limit_begin_boot(boot->timeout);
        EG(exit_status) = 0;
        SG(sapi_headers).http_response_code = 200;
        zend_try {
                booted_load_env(boot->script);
                sapi_request_fill_info();
                SG(request_info).request_uri = SAPI_ENV("SCRIPT_NAME");
                if (booted_admit(ret)) {
                        SG(request_info).path_translated = estrdup(sapi_current.script);
                        booted_run_script(ret);
                }
        }
        zend_end_try();
        ret->exit_status = (uint32_t)EG(exit_status);
        sapi_fence_end();
        fflush(stdout);
        booted.boot = NULL;
        SG(server_context) = NULL;
        sapi_current = (struct sapi_current){ 0 };
}
