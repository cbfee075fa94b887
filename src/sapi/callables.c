/* SPDX-License-Identifier: MIT */
/*
 * What the script of a pool with worker.script can call: FrankenPHP's functions under its names, for which frameworks
 * ask, and under ours. Other pools do not have them: frameworks also ask whether they are there.
 */

#include "sapi/booted.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "log/log.h"

static bool callables_over;         /* a call has said that there is no next request */
static atomic_bool *callables_told; /* one has been made all the same; of all processes of the pool, or NULL */

/* A script that does not listen would call for ever. As by exit(). */
static void callables_end_script(void) {
        if (!callables_told || !atomic_exchange(callables_told, true))
                log_warning("%s goes on to call fpmd_handle_request() after it has returned false, and is ended there",
                            sapi_module_pool()->worker_script);
        zend_throw_unwind_exit();
}

static PHP_FUNCTION(fpmd_handle_request) {
        struct sapi_booted_call call;
        bool served;

        ZEND_PARSE_PARAMETERS_START(1, 1)
        Z_PARAM_FUNC(call.fci, call.fcc)
        ZEND_PARSE_PARAMETERS_END();
        if (callables_over) {
                callables_end_script();
                return;
        }
        served = sapi_booted_serve(&call);
        callables_over = !served && !EG(exception);
        RETURN_BOOL(served);
}

/* The reply's headers as they stand, of several with a name the last. */
static PHP_FUNCTION(fpmd_response_headers) {
        zend_llist_position at;
        sapi_header_struct *h;

        ZEND_PARSE_PARAMETERS_NONE();
        array_init(return_value);
        for (h = zend_llist_get_first_ex(&SG(sapi_headers).headers, &at); h;
             h = zend_llist_get_next_ex(&SG(sapi_headers).headers, &at)) {
                const char *colon = memchr(h->header, ':', h->header_len), *value;

                if (!colon)
                        continue;
                for (value = colon + 1; value < h->header + h->header_len && *value == ' ';)
                        value++;
                add_assoc_stringl_ex(return_value, h->header, (size_t)(colon - h->header), value,
                                     (size_t)(h->header + h->header_len - value));
        }
}

/* FrankenPHP's levels: -4, 0, 4, 8. */
static enum log_level callables_level(zend_long level) {
        if (level < 0)
                return LOG_LEVEL_DEBUG;
        if (level < 4)
                return LOG_LEVEL_NOTICE;
        return level < 8 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
}

/* The context follows the message, as JSON. */
static PHP_FUNCTION(fpmd_log) {
        zend_long level = 0;
        zval *context = NULL;
        smart_str line = { 0 };
        zend_string *message;

        ZEND_PARSE_PARAMETERS_START(1, 3)
        Z_PARAM_STR(message)
        Z_PARAM_OPTIONAL
        Z_PARAM_LONG(level)
        Z_PARAM_ARRAY(context)
        ZEND_PARSE_PARAMETERS_END();
        smart_str_append(&line, message);
        if (context && zend_hash_num_elements(Z_ARRVAL_P(context)) > 0) {
                smart_str_appendc(&line, ' ');
                (void)php_json_encode(&line, context, SAPI_COMPAT_JSON_PARTIAL);
        }
        smart_str_0(&line);
        if (line.s)
                sapi_message_write(callables_level(level), ZSTR_VAL(line.s));
        smart_str_free(&line);
}

/* FastCGI has no interim replies: for one of those headers and status stay as they are. */
static PHP_FUNCTION(headers_send) {
        zend_long status = 200;

        ZEND_PARSE_PARAMETERS_START(0, 1)
        Z_PARAM_OPTIONAL
        Z_PARAM_LONG(status)
        ZEND_PARSE_PARAMETERS_END();
        if (status >= 100 && status < 200)
                RETURN_LONG(SAPI_HEADER_SENT_SUCCESSFULLY);
        SG(sapi_headers).http_response_code = (int)status;
        RETURN_LONG(sapi_send_headers());
}

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_handle_request, 0, 1, _IS_BOOL, 0)
ZEND_ARG_TYPE_INFO(0, callback, IS_CALLABLE, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_log, 0, 1, IS_VOID, 0)
ZEND_ARG_TYPE_INFO(0, message, IS_STRING, 0)
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, level, IS_LONG, 0, "0")
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, context, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_headers_send, 0, 0, IS_LONG, 0)
ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, status, IS_LONG, 0, "200")
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_callables_bool, 0, 0, _IS_BOOL, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_callables_array, 0, 0, IS_ARRAY, 0)
ZEND_END_ARG_INFO()

/* clang-format off */
static const zend_function_entry callables[] = {
        PHP_FE(fpmd_handle_request, arginfo_handle_request)
        PHP_FALIAS(frankenphp_handle_request, fpmd_handle_request, arginfo_handle_request)
        PHP_FALIAS(fpmd_finish_request, fastcgi_finish_request, arginfo_callables_bool)
        PHP_FALIAS(frankenphp_finish_request, fastcgi_finish_request, arginfo_callables_bool)
        PHP_FALIAS(fpmd_request_headers, apache_request_headers, arginfo_callables_array)
        PHP_FALIAS(frankenphp_request_headers, apache_request_headers, arginfo_callables_array)
        PHP_FE(fpmd_response_headers, arginfo_callables_array)
        PHP_FALIAS(frankenphp_response_headers, fpmd_response_headers, arginfo_callables_array)
        PHP_FE(fpmd_log, arginfo_log)
        PHP_FALIAS(frankenphp_log, fpmd_log, arginfo_log)
        PHP_FE(headers_send, arginfo_headers_send)
        PHP_FE_END
};
/* clang-format on */

void sapi_callables_register(void) {
        void *told = mmap(NULL, sizeof(atomic_bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        callables_told = told != MAP_FAILED ? told : NULL;
        (void)zend_register_functions(NULL, callables, NULL, MODULE_PERSISTENT);
}
