/* SPDX-License-Identifier: MIT */
/*
 * One request, from the decoded parameters to PHP's request shutdown.
 *
 *     parameters -> script, request info -> its ini values -> request start-up -> script -> reply ends -> request
 *        shutdown
 *
 * PHP reports fatal errors by a long jump to the innermost zend_try. All of PHP's own steps have one; ours is the last
 * resort, after which the process must not serve again. Nothing here may keep a resource that a jump would lose: what a
 * request allocates is Zend's request memory, what outlives it is static.
 *
 * The reply ends inside request shutdown, see functions.c, or earlier by fastcgi_finish_request(). It is ended here
 * too, in case PHP did not come that far.
 */

#include <errno.h>

#include "sapi/booted.h"

#include <main/rfc1867.h>

#include "fcgi/params.h"

/* EG(exit_status) after a fatal error. */
#define EXIT_FATAL 255

struct sapi_current sapi_current;

/* Out of request shutdown, over all that PHP would still do. */
static JMP_BUF request_way_out;

void sapi_request_finish(bool php_goes_on) {
        sapi_current.ended |= !php_goes_on;
        if (sapi_current.finished)
                return;
        sapi_current.finished = true;
        (void)sapi_current.io->finish(sapi_current.ctx, (uint32_t)EG(exit_status), php_goes_on);
}

static zend_long request_content_length(void) {
        const char *s = SAPI_ENV("CONTENT_LENGTH");
        uint64_t length = fcgi_params_content_length(s, s ? strlen(s) : 0);

        sapi_current.unmeasured = length == FCGI_PARAMS_LENGTH_UNKNOWN;
        return sapi_current.unmeasured ? 0 : (zend_long)length;
}

/* HTTP/1.0 semantics of redirects (302 to a POST): proto_num stays 1000 whatever SERVER_PROTOCOL says, as with php-fpm.
 */
void sapi_request_fill_info(void) {
        sapi_request_info *info = &SG(request_info);

        info->request_method = SAPI_ENV("REQUEST_METHOD");
        info->query_string = SAPI_ENV("QUERY_STRING");
        info->content_type = SAPI_ENV("CONTENT_TYPE");
        if (!info->content_type)
                info->content_type = "";
        info->content_length = request_content_length();
        info->cookie_data = NULL;
        info->request_uri = NULL;
        info->path_translated = NULL;
        info->proto_num = 1000;
        SG(sapi_headers).http_response_code = 200;
        php_handle_auth_data(SAPI_ENV("HTTP_AUTHORIZATION"));
}

static void request_fill_script(void) {
        sapi_current.script = sapi_script_resolve();
        if (!sapi_current.script)
                return;
        sapi_current.admitted = sapi_fence_admit(sapi_current.script, &sapi_current.script);
        sapi_current.denied = sapi_current.admitted == SAPI_FENCE_E_DENIED;
        if (sapi_current.admitted == 0)
                SG(request_info).path_translated = estrdup(sapi_current.script);
}

/* PHP's activate hook, early in request start-up. */
int sapi_request_activate(void) {
        if (!sapi_current.io)
                return SUCCESS;
        sapi_directory_begin_request();
        if (sapi_current.script && sapi_current.admitted == 0)
                sapi_userini_activate(sapi_current.script);
        if (!sapi_booted_boots())
                sapi_limit_decide();
        sapi_body_prepare();
        return SUCCESS;
}

/* PHP's deactivate hook, late in request shutdown: the last moment at which request memory can be given back. */
int sapi_request_deactivate(void) {
        if (!sapi_current.io)
                return SUCCESS;
        sapi_limit_end();
        (void)sapi_directory_end();
        sapi_current.over = true; /* headers and user are gone already */
        sapi_request_finish(false);
        sapi_message_forget();
        sapi_body_end();
        if (SG(request_info).path_translated)
                efree(SG(request_info).path_translated);
        SG(request_info).path_translated = NULL;
        return SUCCESS;
}

/* security.limit_extensions: the path must end with one of the list, and be longer; an empty list allows all. */
static bool request_extension_allowed(const char *path) {
        char *const *allowed = sapi_module_pool()->limit_extensions;
        size_t n = strlen(path);

        if (!allowed || !*allowed)
                return true;
        for (; *allowed; allowed++) {
                size_t n_end = strlen(*allowed);

                if (n > n_end && memcmp(path + n - n_end, *allowed, n_end) == 0)
                        return true;
        }
        return false;
}

static void request_refuse(int status, const char *body) {
        zend_try {
                SG(sapi_headers).http_response_code = status;
                PUTS(body);
        }
        zend_end_try();
}

static void request_refuse_unopened(int error) {
        sapi_message_printf(LOG_LEVEL_ERROR, "Unable to open primary script: %s (%s)", sapi_current.script,
                            strerror(error));
        if (error == EACCES)
                request_refuse(403, "Access denied.\n");
        else
                request_refuse(404, "No input file specified.\n");
}

static void request_run_script(void) {
        zend_file_handle file;

        if (php_fopen_primary_script(&file) == FAILURE) {
                request_refuse_unopened(errno);
                return;
        }
        if (!sapi_fence_opened(&file)) {
                request_refuse_unopened(errno);
                zend_destroy_file_handle(&file);
                return;
        }
        sapi_current.io->executing(sapi_current.ctx, sapi_current.script, SG(request_info).auth_user);
        EG(exit_status) = 0;
        sapi_directory_enter(ZSTR_VAL(file.filename));
        sapi_limit_execute();
        php_execute_script(&file);
        sapi_directory_leave();
        zend_destroy_file_handle(&file);
}

/* Half a form would be a whole one to the script: $_POST and $_FILES do not tell. A client that has taken the request
 * back waits for its end alone, see section 5.4 of the specification; a client that has closed its sending side may
 * still read. */
void sapi_request_refuse_cut_form(void) {
        if (sapi_current.body_error != -ECONNABORTED) {
                sapi_message_printf(LOG_LEVEL_DEBUG, "The request's form is not whole: %s",
                                    strerror(-sapi_current.body_error));
                request_refuse(400, "The form is not whole.\n");
                return;
        }
        SG(sapi_headers).http_response_code = 400; /* for the access log */
        SG(request_info).no_headers = true;
}

static void request_answer(void) {
        if (!SG(request_info).request_method)
                return; /* no HTTP request: headers alone */
        if (!sapi_current.script) {
                sapi_message_printf(LOG_LEVEL_DEBUG, "Primary script unknown");
                request_refuse(404, "File not found.\n");
        } else if (sapi_current.denied) {
                sapi_message_printf(LOG_LEVEL_NOTICE, "Access to the script '%s' has been denied: %s",
                                    sapi_current.script, sapi_fence_reason());
                request_refuse(403, "Access denied.\n");
        } else if (sapi_current.admitted < 0) {
                request_refuse_unopened(-sapi_current.admitted);
        } else if (!request_extension_allowed(sapi_current.script)) {
                sapi_message_printf(LOG_LEVEL_NOTICE,
                                    "Access to the script '%s' has been denied (see security.limit_extensions)",
                                    sapi_current.script);
                request_refuse(403, "Access denied.\n");
        } else
                request_run_script();
}

/* pm.exit_after_fatal: PHP left its own code by a long jump, from wherever it was: out of memory, out of time, or an
 * error that it cannot go on after. Not an uncaught exception or exit(), which unwind, nor a client that has gone. */
bool sapi_request_is_fatal(void) {
        return sapi_module_pool()->exit_after_fatal && CG(unclean_shutdown) && EG(exit_status) == EXIT_FATAL;
}

/* The reply and the session are out. Files of uploads would stay for ever. */
void sapi_request_abandon(void) {
        if (!sapi_request_is_fatal())
                return;
        if (SG(rfc1867_uploaded_files))
                destroy_uploaded_files_hash();
        sapi_current.abandoned = true;
        LONGJMP(request_way_out, 1);
}

/* fastcgi.error_header: replaces a header of replies that a fatal error ended. */
void sapi_request_put_error_header(void) {
        sapi_header_line line = { 0 };

        if (EG(exit_status) != EXIT_FATAL || !sapi_settings.error_header || !*sapi_settings.error_header)
                return;
        line.line = sapi_settings.error_header;
        line.line_len = strlen(line.line);
        sapi_header_op(SAPI_HEADER_REPLACE, &line);
}

static bool request_life(const struct sapi_request *request) {
        if (sapi_booted_waits())
                return sapi_booted_request(request);
        EG(exit_status) = 0;
        sapi_env_load(request->role, request->params);
        sapi_request_fill_info();
        request_fill_script();
        sapi_signals_put_back();
        sapi_limit_begin(request->cpu_nsec, sapi_signals_begin_request());
        sapi_ini_apply_request();
        if (php_request_startup() == FAILURE)
                return false;
        if (sapi_module_options()->extended_info)
                CG(compiler_options) |= ZEND_COMPILE_EXTENDED_INFO;
        if (sapi_current.body_error < 0)
                sapi_request_refuse_cut_form();
        else
                request_answer();
        sapi_request_put_error_header();
        php_request_shutdown(NULL);
        return true;
}

uint32_t sapi_request_status(void) {
        if (sapi_current.status)
                return sapi_current.status;
        return SG(sapi_headers).http_response_code > 0 ? (uint32_t)SG(sapi_headers).http_response_code : 200;
}

void sapi_request_run(const struct sapi_request *request, struct sapi_result *ret) {
        volatile bool sound = false;

        sapi_current = (struct sapi_current){ .io = request->io, .ctx = request->ctx };
        SG(server_context) = &sapi_current;
        sapi_children_begin_request();
        if (SETJMP(request_way_out) == 0) {
                zend_try { /* a booted script has one around it */
                        sound = request_life(request);
                }
                zend_end_try();
        }
        sapi_request_finish(false);
        sapi_children_end_request();
        *ret = (struct sapi_result){
                .http_status = sapi_request_status(),
                .exit_status = (uint32_t)EG(exit_status),
                .memory_peak = sapi_current.memory_peak,
                .memory_left = zend_memory_usage(true),
                .worker_must_end = !sound || sapi_current.lasting || sapi_request_is_fatal(),
                .disconnected = sapi_current.disconnected,
                .abandoned = sapi_current.abandoned,
                .denied = sapi_current.denied,
        };
        SG(server_context) = NULL;
        sapi_current = (struct sapi_current){ 0 };
        sapi_fence_end();
        sapi_env_reset();
}
