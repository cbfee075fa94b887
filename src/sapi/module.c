/* SPDX-License-Identifier: MIT */
/*
 * PHP's life in the process: started once in the zygote, prepared for work in each forked worker, shut down at the
 * end.
 *
 * The module is named as php-fpm's, since opcache and applications look at the name.
 */

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/program.h"
#include "log/log.h"

static struct {
        const struct sapi_options *options;
        char *ini_entries;
        bool started;
} module;

const struct sapi_options *sapi_module_options(void) {
        return module.options;
}

const struct conf_pool *sapi_module_pool(void) {
        return module.options->pool;
}

static void module_ini_default(HashTable *configuration, const char *name, const char *value) {
        zval v;

        ZVAL_NEW_STR(&v, zend_string_init(value, strlen(value), true));
        zend_hash_str_update(configuration, name, strlen(name), &v);
}

/* What php.ini files, the pool and the command line override. */
static void sapi_module_ini_defaults(HashTable *configuration) {
        char strings[16];

        sapi_extensions_begin(); /* nothing is read yet */
        module_ini_default(configuration, "display_errors", "1");
        if (module.options->pool->is_of_many) {
                snprintf(strings, sizeof(strings), "%u", CONF_STRINGS_OF_MANY);
                module_ini_default(configuration, "opcache.interned_strings_buffer", strings);
        }
        if (module.options->pool->worker_script) /* a client that goes would cost a booted worker */
                module_ini_default(configuration, "ignore_user_abort", "1");
}

static int sapi_module_startup(sapi_module_struct *m) {
        return php_module_startup(m, &sapi_functions_module);
}

static sapi_module_struct module_sapi = {
        .name = (char *)"fpm-fcgi",
        .pretty_name = (char *)"FPM/FastCGI",
        .startup = sapi_module_startup,
        .shutdown = php_module_shutdown_wrapper,
        .activate = sapi_request_activate,
        .deactivate = sapi_request_deactivate,
        .ub_write = sapi_output_write,
        .flush = sapi_output_flush,
        .getenv = sapi_env_getenv,
        .sapi_error = php_error,
        .send_headers = sapi_output_headers,
        .read_post = sapi_body_read,
        .read_cookies = sapi_env_cookies,
        .register_server_variables = sapi_env_server,
        .log_message = sapi_message_php,
        .ini_defaults = sapi_module_ini_defaults,
        .php_ini_ignore_cwd = 1,
};

#ifdef ZTS

/* One worker is one process with one thread that runs PHP, here as well. */
ZEND_TSRMLS_CACHE_DEFINE()

static int module_start_threads(void) {
        if (!php_tsrm_startup())
                return -ENOMEM;
        ZEND_TSRMLS_CACHE_UPDATE();
        return 0;
}

static void module_stop_threads(void) {
        tsrm_shutdown();
        TSRMLS_CACHE = NULL;
}

#else

static int module_start_threads(void) {
        return 0;
}

static void module_stop_threads(void) {
}

#endif

static JMP_BUF module_way_out;

void sapi_module_catch(void) {
        EG(bailout) = &module_way_out;
}

/* A failure in here can be a long jump out of an extension's or preload's code. Where it would lead is a variable of
 * the engine, which has a place only when the engine has been started: sapi_module_catch() is called then. */
static bool module_start_php(void) {
        volatile bool ok = false;

        if (SETJMP(module_way_out) == 0)
                ok = module_sapi.startup(&module_sapi) == SUCCESS;
        EG(bailout) = NULL;
        return ok;
}

static int module_start_with_settings(const struct sapi_options *options, bool *ret_ok) {
        int r;

        r = sapi_inifiles_begin(options, &module_sapi);
        if (r < 0)
                return r;
        module_sapi.ini_entries = SAPI_COMPAT_INI_ENTRIES(module.ini_entries);
        *ret_ok = module_start_php();
        sapi_extensions_end();
        sapi_inifiles_end();
        return 0;
}

/* reason: ours, or NULL when memory ran out. */
static int module_start_fail(char *reason, char **ret_reason) {
        if (!reason)
                return -ENOMEM;
        *ret_reason = reason;
        return -ENOEXEC;
}

static int module_start_report(char *logged, char *displayed, char **ret_reason) {
        char *reason = logged ?: displayed;

        if (logged)
                free(displayed);
        return module_start_fail(
                reason ? reason
                       : strdup("PHP's module start-up failed without a message (log_errors = 0 suppresses them)"),
                ret_reason);
}

/* 8.2 as 80200. Libraries before 8.4 are told apart by what they export, as they cannot be asked. */
static unsigned module_library_release(void) {
        if (php_version_id)
                return php_version_id() / 100 * 100;
        return php_json_validate_ex ? 80300 : 80200;
}

/* Every PHP release's library is found by the one name libphp.so, but their structures differ. */
static int module_check_library(char **ret_reason) {
        unsigned id = module_library_release();
        char *reason = NULL;

        if (id == PHP_VERSION_ID / 100 * 100)
                return 0;
        if (asprintf(&reason, "libphp.so is of PHP %u.%u, but fpmd was built for PHP %d.%d", id / 10000, id / 100 % 100,
                     PHP_MAJOR_VERSION, PHP_MINOR_VERSION) < 0)
                reason = NULL;
        return module_start_fail(reason, ret_reason);
}

/* The number of the interface that extensions are built for, which says more than a release does. */
static int module_check_interface(char **ret_reason) {
        const zend_module_entry *standard = zend_hash_str_find_ptr(&module_registry, ZEND_STRL("standard"));
        char *reason = NULL;

        if (standard && standard->zend_api == ZEND_MODULE_API_NO)
                return 0;
        if (asprintf(&reason, "libphp.so has PHP's module interface %u, but fpmd was built for %u",
                     standard ? standard->zend_api : 0, ZEND_MODULE_API_NO) < 0)
                reason = NULL;
        return module_start_fail(reason, ret_reason);
}

/* php-fpm's master is root, and opcache changes to that user. This process is the pool's user from its start. */
static void module_say_preload_user(void) {
        const char *script = zend_ini_string(ZEND_STRL("opcache.preload"), 0);
        const char *name = zend_ini_string(ZEND_STRL("opcache.preload_user"), 0);
        const struct passwd *user = name && *name ? getpwnam(name) : NULL;

        if (!script || !*script || !name || !*name || geteuid() == 0 || (user && user->pw_uid == geteuid()))
                return;
        log_printf(program_is_php_fpm() ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
                   "opcache.preload_user = %s has no effect: preloading runs as the pool's user", name);
}

/* What a value is worth PHP tells when it is set, in the same way as at its start-up. */
static int module_apply_pool(const struct conf_pool *pool) {
        int r = sapi_display_begin();

        if (r < 0)
                return r;
        sapi_ini_apply_pool(pool);
        free(sapi_display_end(false, false));
        return 0;
}

int sapi_module_start(const struct sapi_options *options, char **ret_ini_files, char **ret_reason) {
        char *logged, *displayed;
        bool ok = false;
        int r;

        r = module_check_library(ret_reason);
        if (r < 0)
                return r;
        module.options = options;
        r = sapi_ini_compose(options, &module.ini_entries);
        if (r < 0)
                return r;
        r = module_start_threads();
        if (r < 0)
                return r;
        zend_signal_startup();
        sapi_startup(&module_sapi);
        sapi_builtin_start();
        r = sapi_display_begin();
        if (r < 0)
                return r;
        sapi_message_collect();
        r = module_start_with_settings(options, &ok);
        logged = sapi_message_collected();
        displayed = sapi_display_end(!ok, logged);
        if (r == 0 && !ok)
                return module_start_report(logged, displayed, ret_reason);
        free(logged);
        free(displayed);
        if (r < 0)
                return r;
        r = module_check_interface(ret_reason);
        if (r < 0)
                return r;
        module.started = true;
        module_say_preload_user();
        sapi_body_start();
        sapi_cachelock_start(options->n_slots);
        sapi_env_hook();
        r = module_apply_pool(options->pool);
        zend_unset_timeout(); /* a pool's max_execution_time has begun to count */
        return r < 0 ? r : sapi_inifiles_list(ret_ini_files);
}

void sapi_module_stop(void) {
        if (!module.started)
                return;
        module.started = false;
        sapi_userini_stop();
        php_module_shutdown();
        sapi_shutdown();
        module_stop_threads();
        free(TAKE_PTR(module.ini_entries));
}

const char *sapi_module_version(void) {
        const char *v = module.started ? zend_get_module_version("standard") : NULL;

        return v ? v : PHP_VERSION;
}

const char *sapi_module_exposed_version(void) {
        return PG(expose_php) ? sapi_module_version() : NULL;
}

/* Random sequences that others have begun before the fork must not go on in every worker alike. */
static void module_forget_seeds(void) {
        RANDOM_G(combined_lcg_seeded) = false;
        RANDOM_G(mt19937_seeded) = false;
        SAPI_COMPAT_RANDOM_FORGET();
}

/* After the worker has set its signal handlers: PHP notes them as those to fall back to. */
static void module_worker_begin(void) {
        sapi_signals_begin_worker();
        sapi_limit_begin_worker();
        sapi_disconnect_begin_worker();
        sapi_directory_begin_worker();
}

static void module_worker_forked(uint32_t slot) {
        sapi_children_begin_worker();
        sapi_cachelock_begin_worker(slot);
        module_forget_seeds();
}

void sapi_module_worker_begin(uint32_t slot) {
        module_worker_begin();
        module_worker_forked(slot);
}

void sapi_module_template_begin(void) {
        module_worker_begin();
        module_forget_seeds();
}

void sapi_module_template_forked(uint32_t slot) {
        module_worker_forked(slot);
        sapi_cachelock_take();
        sapi_limit_make_timer();
        SAPI_COMPAT_MAKE_TIMER();
}

void sapi_module_worker_end(void) {
        if (module.started && !sapi_ending_in_short())
                sapi_module_stop();
}

void sapi_module_worker_copied(void) {
        sapi_cachelock_leave();
}

void sapi_module_worker_gone(uint32_t slot) {
        sapi_cachelock_free(slot);
}
