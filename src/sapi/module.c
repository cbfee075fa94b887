/* SPDX-License-Identifier: MIT */
/*
 * PHP's life in the process: started once in the zygote, prepared for work in each forked worker, shut down at the
 * end.
 *
 * The module is named as php-fpm's, since opcache and applications look at the name. libphp has its own SAPI's
 * settings folder compiled in ("embed"); a site's settings are in the FPM folder, so PHP is pointed there while it
 * starts, when the folder exists.
 */

#include <errno.h>
#include <sys/stat.h>

#include "sapi/internal.h"

#include "base/text.h"

static struct {
        const struct sapi_options *options;
        char *ini_entries;
        bool started;
} module;

const struct conf_pool *sapi_module_pool(void) {
        return module.options->pool;
}

bool sapi_module_wants_extended_info(void) {
        return module.options->extended_info;
}

static void module_ini_defaults(HashTable *configuration) {
        zval on;

        ZVAL_NEW_STR(&on, zend_string_init("1", 1, true));
        zend_hash_str_update(configuration, "display_errors", sizeof("display_errors") - 1, &on);
}

static int module_startup(sapi_module_struct *m) {
        return php_module_startup(m, &sapi_functions_module);
}

static sapi_module_struct module_sapi = {
        .name = (char *)"fpm-fcgi",
        .pretty_name = (char *)"FPM/FastCGI",
        .startup = module_startup,
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
        .ini_defaults = module_ini_defaults,
        .php_ini_ignore_cwd = 1,
};

static bool is_folder(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* PHP_INI_SCAN_DIR for the start-up: the operator's list, where an empty item means the built-in folder; that one is
 * the site's. */
static int compose_scan_dirs(const char *given, char **ret) {
        static const char site[] = FPMD_PHP_INI_DIR "/conf.d";
        _cleanup_text_ struct text t = { 0 };
        const char *p = given ? given : "";
        size_t n;

        for (;; p += n + 1) {
                n = strcspn(p, ":");
                if (n > 0)
                        text_append_n(&t, p, n);
                else
                        text_append(&t, site);
                if (p[n] == '\0')
                        break;
                text_append_c(&t, ':');
        }
        return text_finish(&t, ret, NULL);
}

static void restore_scan_dirs(const char *given) {
        if (given)
                (void)setenv("PHP_INI_SCAN_DIR", given, 1);
        else
                (void)unsetenv("PHP_INI_SCAN_DIR");
}

/* PHP has a list separated by ",\n", or NULL. */
static int list_ini_files(char **ret) {
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

/* A failure in here can be a long jump out of an extension's or preload's code. */
static bool start_php(void) {
        volatile bool ok = false;

        zend_first_try {
                ok = module_sapi.startup(&module_sapi) == SUCCESS;
        }
        zend_end_try();
        return ok;
}

static int start_with_settings(const struct sapi_options *options, bool *ret_ok) {
        _cleanup_free_ char *given = NULL, *dirs = NULL;
        const char *env = getenv("PHP_INI_SCAN_DIR");
        bool site = is_folder(FPMD_PHP_INI_DIR);
        int r;

        if (env && !(given = strdup(env)))
                return -ENOMEM;
        r = compose_scan_dirs(env, &dirs);
        if (r < 0)
                return r;
        /* PHP reads a file it is pointed to even when told to read none. */
        if (!options->no_ini)
                module_sapi.php_ini_path_override = (char *)(options->ini_path ? options->ini_path
                                                             : site            ? FPMD_PHP_INI_DIR
                                                                               : NULL);
        module_sapi.php_ini_ignore = options->no_ini;
        module_sapi.ini_entries = SAPI_COMPAT_INI_ENTRIES(module.ini_entries);
        if (site && setenv("PHP_INI_SCAN_DIR", dirs, 1) < 0)
                return -errno;
        *ret_ok = start_php();
        if (site)
                restore_scan_dirs(given);
        return 0;
}

/* reason: ours, or NULL when memory ran out. */
static int fail(char *reason, char **ret_reason) {
        if (!reason)
                return -ENOMEM;
        *ret_reason = reason;
        return -ENOEXEC;
}

static int report_failure(char **ret_reason) {
        char *reason = sapi_message_collected();

        return fail(reason ? reason : strdup("PHP's module start-up failed without a message"), ret_reason);
}

/* 8.2 as 80200. Libraries before 8.4 are told apart by what they export, as they cannot be asked. */
static unsigned library_release(void) {
        if (php_version_id)
                return php_version_id() / 100 * 100;
        return php_json_validate_ex ? 80300 : 80200;
}

/* Every PHP release's library is found by the one name libphp.so, but their structures differ. */
static int check_library(char **ret_reason) {
        unsigned id = library_release();
        char *reason = NULL;

        if (id == PHP_VERSION_ID / 100 * 100)
                return 0;
        if (asprintf(&reason, "libphp.so is of PHP %u.%u, but fpmd was built for PHP %d.%d", id / 10000, id / 100 % 100,
                     PHP_MAJOR_VERSION, PHP_MINOR_VERSION) < 0)
                reason = NULL;
        return fail(reason, ret_reason);
}

/* The number of the interface that extensions are built for, which says more than a release does. */
static int check_interface(char **ret_reason) {
        const zend_module_entry *standard = zend_hash_str_find_ptr(&module_registry, ZEND_STRL("standard"));
        char *reason = NULL;

        if (standard && standard->zend_api == ZEND_MODULE_API_NO)
                return 0;
        if (asprintf(&reason, "libphp.so has PHP's module interface %u, but fpmd was built for %u",
                     standard ? standard->zend_api : 0, ZEND_MODULE_API_NO) < 0)
                reason = NULL;
        return fail(reason, ret_reason);
}

int sapi_start(const struct sapi_options *options, char **ret_ini_files, char **ret_reason) {
        bool ok = false;
        int r;

        r = check_library(ret_reason);
        if (r < 0)
                return r;
        module.options = options;
        r = sapi_ini_compose(options, &module.ini_entries);
        if (r < 0)
                return r;
        zend_signal_startup();
        sapi_startup(&module_sapi);
        sapi_message_collect();
        r = start_with_settings(options, &ok);
        if (r < 0)
                return r;
        if (!ok)
                return report_failure(ret_reason);
        free(sapi_message_collected());
        r = check_interface(ret_reason);
        if (r < 0)
                return r;
        module.started = true;
        sapi_body_start();
        sapi_cachelock_start(options->n_slots);
        sapi_env_hook();
        sapi_ini_apply_pool(options->pool);
        zend_unset_timeout(); /* a pool's max_execution_time has begun to count */
        return list_ini_files(ret_ini_files);
}

void sapi_stop(void) {
        if (!module.started)
                return;
        module.started = false;
        sapi_userini_stop();
        php_module_shutdown();
        sapi_shutdown();
        free(TAKE_PTR(module.ini_entries));
}

const char *sapi_version(void) {
        const char *v = module.started ? zend_get_module_version("standard") : NULL;

        return v ? v : PHP_VERSION;
}

const char *sapi_exposed_version(void) {
        return PG(expose_php) ? sapi_version() : NULL;
}

/*
 * After the worker has set its signal handlers: PHP notes them as those to fall back to. Random sequences that start-
 * up or a preload script may have begun must not go on in every worker alike.
 */
void sapi_worker_begin(uint32_t slot) {
        sapi_signals_begin_worker();
        sapi_limit_begin_worker();
        sapi_directory_begin_worker();
        sapi_cachelock_begin_worker(slot);
        RANDOM_G(combined_lcg_seeded) = false;
        RANDOM_G(mt19937_seeded) = false;
        SAPI_COMPAT_RANDOM_FORGET();
}

void sapi_worker_end(void) {
        sapi_stop();
}

void sapi_worker_copied(void) {
        sapi_cachelock_leave();
}

void sapi_worker_gone(uint32_t slot) {
        sapi_cachelock_free(slot);
}
