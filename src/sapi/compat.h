/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * PHP's headers, and everything that differs between the PHP releases fpmd is built against. No other file of fpmd
 * includes php.h, and no other file of this folder asks for PHP_VERSION_ID.
 */

/* A thread-safe PHP has its variables once for each thread: ours is found by this file's, and not asked for each time.
 */
#define ZEND_ENABLE_STATIC_TSRMLS_CACHE 1

/* PHP's headers need a few warnings less than ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <php_config.h>
#if defined(ZTS) && !defined(_REENTRANT)
#define _REENTRANT 1 /* such a PHP is compiled with -pthread, which defines it, and a structure of its goes by that */
#endif
#include <SAPI.h>
#include <ext/pcre/php_pcre.h>
#include <ext/random/php_random.h>
#include <ext/session/php_session.h>
#include <ext/spl/spl_exceptions.h>
#include <ext/standard/basic_functions.h>
#include <ext/standard/dl.h>
#include <ext/standard/file.h>
#include <ext/standard/head.h>
#include <ext/standard/info.h>
#include <ext/standard/url.h>
#include <php.h>
#include <php_content_types.h>
#include <php_ini.h>
#include <php_main.h>
#include <php_output.h>
#include <php_variables.h>
#include <zend_closures.h>
#include <zend_exceptions.h>
#include <zend_extensions.h>
#include <zend_generators.h>
#include <zend_ini.h>
#include <zend_ini_scanner.h>
#ifdef ZEND_MAX_EXECUTION_TIMERS
#include <zend_max_execution_timer.h>
#endif
#include <zend_observer.h>
#include <zend_signal.h>
#include <zend_smart_str.h>
#include <zend_stream.h>
#pragma GCC diagnostic pop

/* base/macros.h has its own, which read their arguments once. */
#undef MIN
#undef MAX

#if PHP_VERSION_ID < 80200
#error "fpmd needs PHP 8.2 or later"
#endif
#if defined(ZTS) && defined(ZEND_SIGNALS)
#error "fpmd needs a thread-safe PHP to be built with --disable-zend-signals"
#endif

ZEND_TSRMLS_CACHE_EXTERN()

/* Set by PHP's start-up; exported, though no header declares them. */
extern PHPAPI char *php_ini_opened_path;
extern PHPAPI char *php_ini_scanned_path;
extern PHPAPI char *php_ini_scanned_files;

/* The session extension may be missing, or loaded later as a shared one. */
extern PHPAPI zend_result php_session_flush(int write) __attribute__((__weak__));
#ifdef ZTS
extern PHPAPI ts_rsrc_id ps_globals_id __attribute__((__weak__));
#define SAPI_COMPAT_HAS_SESSION() (&ps_globals_id != NULL)
#else
extern PHPAPI php_ps_globals ps_globals __attribute__((__weak__));
#define SAPI_COMPAT_HAS_SESSION() (&ps_globals != NULL)
#endif

/* Since 8.4. */
extern PHPAPI unsigned int php_version_id(void) __attribute__((__weak__));

/* Since 8.3, of an extension that every PHP has. Its arguments are of no interest. */
extern PHPAPI void php_json_validate_ex(void) __attribute__((__weak__));
/* Of the same one, whose header would not go with that; and its option for what cannot be encoded. */
extern PHPAPI int php_json_encode(smart_str *buf, zval *val, int options);
#define SAPI_COMPAT_JSON_PARTIAL (1 << 9)

#if PHP_VERSION_ID < 80400
#define SAPI_COMPAT_INI_ENTRIES(text) (text)
#define SAPI_COMPAT_RANDOM_FORGET()   ((void)0)
#else
#define SAPI_COMPAT_INI_ENTRIES(text) ((const char *)(text))
#define SAPI_COMPAT_RANDOM_FORGET()   (RANDOM_G(fallback_seed_state).initialized = false)
#endif

/* Since 8.2.36 and 8.4.20 PHP runs no function between an "Allowed memory size" and its request shutdown. */
#ifdef ZEND_HAS_OOM
#define SAPI_COMPAT_FORGET_OOM() (EG(delayed_oom).state = ZEND_OOM_STATE_NONE)
#else
#define SAPI_COMPAT_FORGET_OOM() ((void)0)
#endif

/* http_get_last_response_headers(), since 8.4. */
#if PHP_VERSION_ID >= 80400
#define SAPI_COMPAT_FORGET_HTTP_HEADERS()                                                                              \
        do {                                                                                                           \
                zval_ptr_dtor(&BG(last_http_headers));                                                                 \
                ZVAL_UNDEF(&BG(last_http_headers));                                                                    \
        } while (0)
#else
#define SAPI_COMPAT_FORGET_HTTP_HEADERS() ((void)0)
#endif

/* php-fpm decodes the PATH_INFO that it finds in a mod_proxy_fcgi URL since 8.4.5 and 8.3.18. */
#define SAPI_COMPAT_DECODED_PATH_INFO (PHP_VERSION_ID >= 80405 || (PHP_VERSION_ID >= 80318 && PHP_VERSION_ID < 80400))

/* Since 8.4 a flush() without output sends the headers. */
#define SAPI_COMPAT_FLUSH_SENDS_HEADERS (PHP_VERSION_ID >= 80400)

/* A line of -v since 8.4. */
#if PHP_VERSION_ID >= 80400 && defined(PHP_BUILD_PROVIDER)
#define SAPI_COMPAT_BUILT_BY "Built by " PHP_BUILD_PROVIDER "\n"
#else
#define SAPI_COMPAT_BUILT_BY ""
#endif

/* disable_classes went away with PHP 8.5. */
#if PHP_VERSION_ID < 80500
#define SAPI_COMPAT_DISABLE_CLASS(name, n) zend_disable_class(name, n)
#else
#define SAPI_COMPAT_DISABLE_CLASS(name, n) FAILURE
#endif

/* PHP's timer of its time limit, in a fork of a process within a request. Since 8.3, of a thread-safe PHP: others set
 * one that needs no making. */
#ifdef ZEND_MAX_EXECUTION_TIMERS
#define SAPI_COMPAT_MAKE_TIMER() zend_max_execution_timer_init()
#else
#define SAPI_COMPAT_MAKE_TIMER() ((void)0)
#endif

/* What PHP's functions have that succeed or fail: an int at first, then a type of its own. */
typedef __typeof__(php_load_extension(NULL, 0, 0)) sapi_compat_loaded;
typedef __typeof__(zend_parse_ini_file(NULL, false, 0, NULL, NULL)) sapi_compat_outcome;
