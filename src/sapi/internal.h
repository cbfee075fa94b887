/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of this folder share: the request in hand, the ini values of the module, and each other's hooks. */

#include "sapi/compat.h"
#include "sapi/sapi.h"

#include "conf/model.h"

/* The request in hand. A process has at most one, and PHP's hooks get no argument to carry it: hence static. */
struct sapi_current {
        const struct sapi_io *io; /* NULL between requests */
        void *ctx;
        bool finished;   /* the reply has ended: the peer hears nothing more */
        bool said_error; /* something went to FCGI_STDERR: the next message is joined to it */
        bool unmeasured; /* CONTENT_LENGTH does not say how long the body is */
        int body_error; /* -errno: what PHP has got of the body is not all, as the client has gone, or taken its request
                           back (-ECONNABORTED) */
        bool disconnected;  /* the script was ended, since its client had gone */
        bool abandoned;     /* a fatal error has ended it, and PHP is not to clean up */
        bool denied;        /* the fence has kept the script out */
        bool lasting;       /* its settings have changed what PHP cannot take back */
        bool ended;         /* PHP code has ended: what is read of the body now is for nobody */
        bool over;          /* PHP has let go of the request: its memory is about to go */
        const char *script; /* the translated path; NULL: there is none */
        int admitted;       /* sapi_fence_admit()'s outcome for it */
        uint32_t status;    /* of a "Status:" header; 0: none was sent */
        uint64_t memory_peak;
};
extern struct sapi_current sapi_current;

/* Values of the ini directives that php-fpm registers. */
struct sapi_settings {
        bool rfc2616_headers;
        bool nph;
        bool fix_pathinfo;
        bool force_redirect; /* known, without effect, as with php-fpm */
        bool discard_path;
        bool script_path_encoded; /* a path in a mod_proxy_fcgi URL is a file's name as it stands */
        bool logging;
        char *redirect_status_env;
        char *error_header;
        char *config;
};
extern struct sapi_settings sapi_settings;

/* request.c: what PHP is to know of the request, from its parameters; the file aside. */
void sapi_request_fill_info(void);
/* Its answer when its form is cut off; the header of a reply that a fatal error has ended. */
void sapi_request_refuse_cut_form(void);
void sapi_request_put_error_header(void);
/* request.c: a fatal error has ended it, after which PHP is not to clean up (pm.exit_after_fatal). */
bool sapi_request_is_fatal(void);
void sapi_request_abandon(void); /* does not return where that is so */
/* Ends the reply once. */
void sapi_request_finish(bool php_goes_on);
uint32_t sapi_request_status(void); /* as sent */
int sapi_request_activate(void);
int sapi_request_deactivate(void);

/* warmup.c: a request ends, and PHP has its last message yet. */
void sapi_warmup_note(void);

/* status.c: fpm_get_status(). False: PHP gets false. */
bool sapi_status_fill(zval *ret);

/* env.c: the FastCGI parameters of the request. Names are given with their length; values are NUL-terminated and live
 * to the request's end. */
void sapi_env_load(enum fcgi_role role, struct fcgi_index *params); /* NULL: there are none */
void sapi_env_reset(void);
char *sapi_env_get(const char *name, size_t n);
char *sapi_env_get_in(uint32_t bucket, const char *name, size_t n);
#define SAPI_ENV(name) sapi_env_get_in(fcgi_index_bucket(name, sizeof(name) - 1), name, sizeof(name) - 1)
/* The value is copied; NULL removes the name. Returns the copy. */
char *sapi_env_set(const char *name, size_t n, const char *value, size_t n_value);
#define SAPI_ENV_SET(name, value, n_value) sapi_env_set(name, sizeof(name) - 1, value, n_value)
/* The value is not copied, and must outlive the request: of one in a booted script a copy would stay. */
void sapi_env_lend(const char *name, size_t n, const char *value);
void sapi_env_hook(void);
char *sapi_env_getenv(const char *name, size_t n);
char *sapi_env_cookies(void);
void sapi_env_server(zval *array);
void sapi_env_headers(zval *array);

/* script.c: which file the request means. Fills SG(request_info).path_translated and request_uri (PHP's word for
 * SCRIPT_NAME), and rewrites the parameters that depend on them. Returns the path, or NULL when there is none. */
const char *sapi_script_resolve(void);

/* fence.c: which files may be run. start: in the module's start-up. admit: before the request's start-up; the path to
 * run, which is the script where the pool has no fence, and is valid to the request's end. opened: what
 * php_fopen_primary_script() has got is the file that was admitted; else it is logged, with errno. reason: of DENIED.
 * folder: the script's, or -1. */
enum { SAPI_FENCE_E_DENIED = 1 };
void sapi_fence_start(void);
int sapi_fence_admit(const char *script, const char **ret_path); /* 0, DENIED or -errno: there is none to open */
const char *sapi_fence_reason(void);
int sapi_fence_folder(void);
bool sapi_fence_opened(const zend_file_handle *file);
void sapi_fence_end(void);

/* signals.c: PHP's signal handlers. begin_worker: after it has set its own, which PHP notes as those to fall back to.
 * put_back: before a request that finds nothing of the last one, and so before its begin_request(). That says true when
 * somebody may have changed handlers or mask since the last request, and what others rely on is theirs to put back. */
void sapi_signals_start(void);
void sapi_signals_begin_worker(void);
void sapi_signals_put_back(void);
bool sapi_signals_begin_request(void);

/* limit.c: max_execution_time and max_input_time. begin: before any setting that came with the request; cpu_nsec: where
 * the process's CPU clock stood then. signals_changed: what sapi_signals_begin_request() said. decide: all of them are
 * known, and PHP's request start-up goes on. execute: the script is next. end: no user code runs any more. */
void sapi_limit_begin_worker(void);
#define SAPI_LIMIT_SIGNAL (SIGRTMAX - 5) /* the timer's own: one that no other part of PHP uses */
void sapi_limit_make_timer(void);        /* in a fork of a process that has begun */
void sapi_limit_begin(uint64_t cpu_nsec, bool signals_changed);
void sapi_limit_decide(void);
void sapi_limit_execute(void);
void sapi_limit_end(void);
/* While worker.script boots, there is a limit of real time, in place of all that. */
void sapi_limit_begin_boot(uint64_t usec);
void sapi_limit_end_boot(void);

/* disconnect.c */
void sapi_disconnect_begin_worker(void);

/* builtin.c: before PHP's start-up. */
void sapi_builtin_start(void);

/* ending.c: PHP's end in a worker, as far as anybody else can notice it. False: nothing has been done, and PHP has to
 * end in full. */
bool sapi_ending_in_short(void);

/* children.c: what scripts leave running, or unreaped. */
void sapi_children_start(void);
void sapi_children_begin_worker(void);
void sapi_children_begin_request(void);
void sapi_children_end_request(void);

/* directory.c: the current directory while a script runs. begin_request: PHP's request has begun; end: no user code
 * runs any more; true: it was another one. */
void sapi_directory_start(void);
void sapi_directory_begin_worker(void);
void sapi_directory_begin_request(void);
void sapi_directory_enter(const char *script);
void sapi_directory_leave(void);
bool sapi_directory_end(void);
/* From now on the directory to go back to is the current one. */
void sapi_directory_stay(void);

/* cachelock.c: opcache's lock. start: in the zygote, PHP has been started. begin_worker, free: as
 * sapi_module_worker_begin() and sapi_module_worker_gone(). take: this worker was forked within a script, and uses the
 * cache without having asked. leave: in a copy of a worker. */
void sapi_cachelock_start(uint32_t n_slots);
void sapi_cachelock_begin_worker(uint32_t slot);
void sapi_cachelock_take(void);
void sapi_cachelock_leave(void);
void sapi_cachelock_free(uint32_t slot);

/* cachememory.c: opcache's memory. start: in PHP's start, before opcache's own. gather: before the first fork, when it
 * has what forks will read. */
void sapi_cachememory_start(void);
void sapi_cachememory_gather(void);

/* import.c: from now on the loaded object of that file name calls this function where its code says symbol. False: it
 * does not. */
bool sapi_import_replace(const char *object, const char *symbol, void (*function)(void));

/* body.c. start: after module start-up; prepare: the request's settings are known. */
void sapi_body_start(void);
void sapi_body_prepare(void);
size_t sapi_body_read(char *buf, size_t n);
void sapi_body_keep(void); /* what php-fpm has read before the script ran: the reply ends, and PHP goes on */
void sapi_body_end(void);

/* output.c */
size_t sapi_output_write(const char *data, size_t n);
void sapi_output_flush(void *server_context);
int sapi_output_headers(sapi_headers_struct *headers);

/* message.c: what PHP and we have to say, to the web server's error log and to ours. */
void sapi_message_php(const char *message, int severity);
void sapi_message_printf(enum log_level level, const char *fmt, ...) _printf_(2, 3);
void sapi_message_write(enum log_level level, const char *message); /* a script's, to our log alone */
void sapi_message_observe(void);
void sapi_message_forget(void);
/* Start-up: what PHP prints to stdout instead of logging it is caught between these two, and told as text, unless it is
 * told already. The text of a start-up that failed is the caller's; NULL: nothing was printed. 0 or -errno. */
void sapi_display_stay(void); /* for a process that prints what PHP says of itself, and serves nobody */
int sapi_display_begin(void);
char *sapi_display_end(bool failed, bool told);
/* Start-up: messages are collected between these two. The text is the caller's; NULL: nothing was said. */
void sapi_message_collect(void);
char *sapi_message_collected(void);

/* ini.c: the text of the pool's and the command line's settings for PHP's start-up (the caller frees); their modes
 * after it; those that came with the request. */
int sapi_ini_compose(const struct sapi_options *options, char **ret);
void sapi_ini_apply_pool(const struct conf_pool *pool);
void sapi_ini_apply_request(void);

/* inifiles.c: which files PHP reads. begin: before its start-up; tell: in it, when constants are there; end: after it.
 * The list is the caller's. */
int sapi_inifiles_begin(const struct sapi_options *options, sapi_module_struct *m);
void sapi_inifiles_tell(const struct sapi_options *options);
void sapi_inifiles_end(void);
int sapi_inifiles_list(char **ret);

/* aside.c: what goes to stderr between these two. The text is the caller's; NULL: it cannot be had. */
struct sapi_aside {
        int said, saved;
};
bool sapi_aside_begin(struct sapi_aside *a); /* false: it goes where it goes */
char *sapi_aside_end(struct sapi_aside *a);

/* extensions.c: between these two, the first of which is called when PHP's engine has been started, what is not loaded
 * becomes a remark. */
void sapi_extensions_begin(void);
void sapi_extensions_end(void);

/* remarks.c: one line more, without its end; a level in front is conf/lines.h's. */
void sapi_remarks_add(const char *fmt, ...) _printf_(1, 2);

/* userini.c: [HOST=] and [PATH=] sections and .user.ini files, as the request's host and script want them. */
void sapi_userini_activate(const char *script);
void sapi_userini_stop(void);

/* module.c: what was given to sapi_module_start(), and the pool of that. catch: in PHP's start-up, its engine has been
 * started. */
void sapi_module_catch(void);
const struct sapi_options *sapi_module_options(void);
const struct conf_pool *sapi_module_pool(void);

/* functions.c. watch: from now on PHP's function of that name, if there is one, is watcher, which calls the original.
 * For module start-up. */
void sapi_functions_watch(const char *name, zif_handler watcher, zif_handler *ret_original);
/* The end of a request's PHP code: its session is saved, its reply ends. */
void sapi_functions_end(void);
PHP_FUNCTION(fastcgi_finish_request);
PHP_FUNCTION(apache_request_headers);
extern zend_module_entry sapi_functions_module;
