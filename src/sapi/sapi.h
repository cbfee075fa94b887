/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * PHP, seen from the rest of fpmd: start it once in the zygote, run one request after another in a worker. This header
 * needs no php.h; only files in this folder include that.
 *
 * Order of life: sapi_module_start() in the zygote (module start-up, opcache memory, preload), fork,
 * sapi_module_worker_begin() in the child, sapi_request_run() for each request, sapi_module_worker_end() before the
 * worker's _exit(), sapi_module_worker_gone() in the zygote, sapi_module_stop() when that ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "fcgi/index.h"
#include "fcgi/record.h"

struct conf_pool;

/* How PHP is started; strings are kept by reference until sapi_module_stop(). */
struct sapi_options {
        const struct conf_pool *pool;
        const char *program;  /* PHP_BINARY; NULL or "": none */
        const char *ini_path; /* -c: a php.ini file or a folder; NULL: the site's FPM folder where there is one */
        bool no_ini;          /* -n: none but the one of -c, and no folder of further ones */
        bool extended_info;   /* -e: PHP compiles what debuggers and profilers need */
        char *const *defines; /* -d, each "key=value" or "key"; NULL-terminated list, or NULL */
        bool tries;           /* to see what PHP takes of its settings, and for nothing else: no preload script runs */
        uint32_t n_slots;     /* workers have numbers below this, see sapi_module_worker_begin(); 0: there are none */
};

/* Module start-up. On success *ret_ini_files is a text of the ini files read, comma-separated ("" for none), which the
 * caller frees. 0; -ENOEXEC with the reason in *ret_reason (the caller frees; e.g. an extension that failed to load is
 * only a warning, as with php-fpm, but a preload script that fails is a failure); other -errno. */
int sapi_module_start(const struct sapi_options *options, char **ret_ini_files, char **ret_reason);
void sapi_module_stop(void);

/* What PHP has not taken by then: values of the pool, and the rest of settings files with mistakes. A line for each
 * that begins with its place ("[FILE:LINE] "), with a level in front of that where it is no error (conf/lines.h). */
const char *sapi_remarks_get(void);

/* For a process that does nothing else: starts PHP, without a pool, prints to stdout and stops it. As
 * sapi_module_start(), and -EIO when PHP ended it. */
enum sapi_print { SAPI_PRINT_VERSION, SAPI_PRINT_MODULES, SAPI_PRINT_INFO };
int sapi_print(const struct sapi_options *options, enum sapi_print what, char **ret_reason);

/* PHP's version, "8.2.28". */
const char *sapi_module_version(void);

/* The same where replies tell it to clients (expose_php), else NULL. */
const char *sapi_module_exposed_version(void);

/* slot: a number that no other of the zygote's workers has at the time. */
void sapi_module_worker_begin(uint32_t slot);
/* PHP is of no use afterwards, and _exit(2) is to follow: memory is left to that. */
void sapi_module_worker_end(void);
/* Under php-fpm's name: has a worker say which of the pool's settings PHP did not take. */
void sapi_ini_say_refused(void);
/* In each process that is forked off a worker, before anything else of PHP's. */
void sapi_module_worker_copied(void);
/* In the zygote: the worker of that number has been reaped, however it ended. */
void sapi_module_worker_gone(uint32_t slot);

/*
 * What fpm_get_status() returns: the provider writes the pool's values, then each process's between two begins, under
 * php-fpm's keys ("process-manager", "start-time", ...; the list of processes is "procs"). Without a provider, or when
 * it returns -errno, PHP gets false. The writer is valid during the call only.
 */
struct sapi_status_writer;
void sapi_status_set_provider(int (*provider)(struct sapi_status_writer *w));
void sapi_status_put_text(struct sapi_status_writer *w, const char *key, const char *value);
void sapi_status_put_number(struct sapi_status_writer *w, const char *key, int64_t value);
void sapi_status_put_real(struct sapi_status_writer *w, const char *key, double value);
void sapi_status_begin_process(struct sapi_status_writer *w);

/*
 * What a request needs from its connection; implemented by worker/. All calls come during sapi_request_run(), from the
 * same thread, with the data of sapi_request.ctx. A negative errno from the write calls means that the peer is gone:
 * PHP then sees connection_aborted() and, unless ignore_user_abort, the script ends at its next output.
 */
struct sapi_io {
        /* Up to n bytes of the request's body (FCGI_STDIN). Number of bytes; 0 at its end; -errno when the peer is
         * gone. */
        ssize_t (*read_body)(void *ctx, void *buf, size_t n);
        /* Receives up to n bytes of it, and keeps them: read_body() has them after finish() as well, and no others; n =
         * 0: none. 0, or -errno: not all could be had. */
        int (*keep_body)(void *ctx, uint64_t n);
        /* Bytes of the reply (FCGI_STDOUT), header block included. Buffered. 0 or -errno. */
        int (*write_reply)(void *ctx, const void *buf, size_t n);
        /* Bytes for the web server's error log (FCGI_STDERR). 0 or -errno. */
        int (*write_error)(void *ctx, const void *buf, size_t n);
        /* Sends what is buffered now, and looks whether the peer aborted (FCGI_ABORT_REQUEST or a closed connection). 0
         * or -errno. */
        int (*flush)(void *ctx);
        /* Ends the reply: its line of the access log is written, END_REQUEST is sent and the connection given up or
         * kept by the worker, while PHP may go on (fastcgi_finish_request(), php_goes_on). The write calls fail with
         * -EPIPE afterwards. Idempotent. app_status: FCGI_END_REQUEST's. */
        int (*finish)(void *ctx, uint32_t app_status, bool php_goes_on);
        /* Whether the peer is gone, and would get nothing that is sent to it: asked while the script runs, after
         * sapi_disconnect_hint(), where the pool has request.on_disconnect = abort. */
        bool (*is_gone)(void *ctx);
        /* The request's facts are known (SCRIPT_FILENAME is translated): called once, before the script runs, and not
         * at all when the request is answered without one (404, 403). Strings are valid until sapi_request_run()
         * returns. */
        void (*executing)(void *ctx, const char *script, const char *auth_user);
};

/* What an access log shows of the request in hand. For io->finish(), which is called when the reply's headers are
 * final; valid during that call, and then only: PHP lets go of everything soon after. What is not there is NULL. */
struct sapi_facts {
        bool running;       /* PHP has the request: the rest is worth reading */
        const char *script; /* the translated path, also of a script that was refused */
        const char *uri;    /* SCRIPT_NAME, as PHP has set it right */
        const char *user;   /* of HTTP basic authentication */
        uint32_t status;    /* of HTTP, as sent */
        uint64_t memory;    /* bytes: PHP's peak so far */
};
void sapi_facts_get(struct sapi_facts *ret);
const char *sapi_facts_param(const char *name, size_t *ret_n); /* a FastCGI parameter */
const char *sapi_facts_header(const char *name,
                              size_t *ret_n); /* of the reply, the first of that name in any case; not terminated */

/* The client of the request in hand may have gone: at PHP's next safe point it is asked for, and the script ended as
 * the pool wants it. Any thread may call this at any time. */
void sapi_disconnect_hint(void);

/* For the receiver of the request's body: how much of it PHP has not got yet and may still want, in bytes; none of one
 * that is larger than post_max_size. And the folder for files that hold it. Both during a request. */
uint64_t sapi_body_left(void);
const char *sapi_body_folder(void);

/* One request. */
struct sapi_request {
        const struct sapi_io *io;
        void *ctx;
        enum fcgi_role role;
        struct fcgi_index *params; /* the values that are looked up become strings, where they are */
        uint64_t cpu_nsec; /* CLOCK_PROCESS_CPUTIME_ID when the request began; max_execution_time counts from there */
};

struct sapi_result {
        uint32_t http_status; /* as sent, 200 when PHP set none */
        uint32_t exit_status; /* exit()'s, for FCGI_END_REQUEST.appStatus */
        uint64_t memory_peak; /* bytes of PHP's memory: the most that it had */
        uint64_t memory_left; /* bytes: what PHP keeps of that */
        bool disconnected;    /* its script was ended before it wrote, since its client had gone */
        bool denied;          /* its script was kept out: security.exec_basedir, security.script_owner */
        bool worker_must_end; /* PHP's state is not to be trusted with another request: bailout in shutdown, settings
                                 that stay */
        bool abandoned;       /* and that of this one is still there: nothing of PHP's may be called any more
                                 (pm.exit_after_fatal) */
};

/* What a request of worker.script has left behind; texts are valid during the call that tells it. */
enum sapi_leak_kind {
        SAPI_LEAK_GREW,    /* there is more of it than before */
        SAPI_LEAK_CHANGED, /* it is another value, and no more of it */
        SAPI_LEAK_PUT_BACK /* the request had changed it, and it is as before */
};
struct sapi_leak {
        enum sapi_leak_kind kind;
        const char *name; /* as PHP code would write it, or words */
        const char *what; /* "grew from 3 to 4 elements" */
        const char *file; /* NULL: not known */
        uint32_t line;
        const char *uri; /* of the request; NULL: it has none */
};

/* worker.script, in a worker that has begun: a script that runs once, and takes requests by fpmd_handle_request(). */
struct sapi_boot {
        const char *script;
        uint64_t timeout; /* usec, up to sapi_warmup_over() */
        /* Waits for a request and runs it, by sapi_request_run(), which then calls the script's callback. False: the
         * worker is to end, and the script is told. The first call says that the script is ready. sapi_warmup_over()
         * comes before the first client's. */
        bool (*serve)(void *ctx);
        /* Before each request: is it to be examined? Then leaked() is called for all that it has left behind, and
         * examined() at the end of that: n_more were not told, as there were too many. examine may be NULL. */
        bool (*examine)(void *ctx);
        void (*leaked)(void *ctx, const struct sapi_leak *leak);
        void (*examined)(void *ctx, size_t n_more);
        void *ctx;
        bool forks; /* serve() forks: the process that has booted serves no request, each of its forks one */
};

struct sapi_boot_end {
        bool booted;          /* it has been ready */
        uint32_t exit_status; /* exit()'s */
        int error;            /* errno: the script could not be opened */
        char *reason;         /* why it has never been ready, in PHP's words; the caller frees; NULL: see error */
};

/*
 * A process whose forks serve (forks). begin: in place of sapi_module_worker_begin(), before the script. problem:
 * within its first serve(), what PHP has begun that forks cannot share, in words, or NULL; connections that persist and
 * are in nobody's use are closed. stream: the name of the stream that a descriptor is of, or NULL. remember: before the
 * first fork. forked: in each, first of all of PHP's; slot as there. request_over: in a fork that has had its request.
 * close: the process that has booted is about to
 * end.
 */
void sapi_module_template_begin(void);
const char *sapi_template_problem(void);
const char *sapi_template_stream(int fd);
void sapi_template_remember(void);
void sapi_module_template_forked(uint32_t slot);
void sapi_template_request_over(void);
void sapi_template_close(void);

/* Runs the script to its end, in a fork as well. Nothing of PHP's runs afterwards. */
void sapi_booted_run(const struct sapi_boot *boot, struct sapi_boot_end *ret);

/*
 * A request that no client has made: a GET for an address as worker.warmup[] has it, of that script; in a booted
 * process of its callback, within serve(). All of them, and the boot before them, share the boot's time; over: they are
 * done. begin: in a process that has begun and does not boot, which has no such time yet, in usec.
 */
struct sapi_warmup_end {
        bool fit;             /* PHP is, for another request */
        bool abandoned;       /* and nothing of it may be called any more */
        uint32_t exit_status; /* exit()'s */
        char *problem;        /* why the reply does not count, in one line; the caller frees; NULL: it does */
        uint32_t http_status; /* of one that counts */
        char *location;       /* where it leads to, in one line; the caller frees; NULL: it says nothing */
};
void sapi_warmup_begin(uint64_t timeout);
void sapi_warmup_run(const char *script, const char *address, struct sapi_warmup_end *ret);
void sapi_warmup_over(void);

/* Runs one request from request start-up to request shutdown. Always answers: a missing script with 404, a refused
 * extension with 403, a fatal error before any output with 500.
 * Calls io->finish(), when the script did not, as soon as PHP code has ended and the session is saved: early in request
 * shutdown, so what follows that call is only PHP freeing its memory. */
void sapi_request_run(const struct sapi_request *request, struct sapi_result *ret);
