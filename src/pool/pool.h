/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's picture of a pool: its listeners, its scoreboard, and its generations. A generation is one zygote and
 * the workers it forked. One generation is current: it accepts, and is kept at its size. Beside it there may be one
 * that is starting (a reload under way) and ones that are ending: told to drain, or whose zygote died.
 *
 * Everything here runs in the master's event loop and reports through pool_env.changed(); who decides what a change
 * means is the master.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/time.h"
#include "conf/model.h"
#include "log/out.h"
#include "pool/crashes.h"
#include "pool/losses.h"
#include "pool/output.h"
#include "pool/parks.h"
#include "pool/patience.h"
#include "pool/scale.h"
#include "pool/timeouts.h"
#include "pool/waits.h"
#include "scoreboard/layout.h"

struct pool;

/* What pools need from the master; outlives them. */
struct pool_env {
        sd_event *event;
        int zygote_fd; /* the zygote's binary, open; kept over upgrades of the package, so that versions never mix */
        int park_fd;   /* the park's binary, likewise */
        int logger_fd; /* and the logger's */
        const char *php_ini;      /* -c, or NULL */
        bool no_php_ini;          /* -n */
        bool extended_info;       /* -e */
        bool allow_root;          /* -R: a pool's user may be root */
        char *const *php_defines; /* -d, NULL-terminated */
        int journal_fd;           /* or -1 */
        int log_fd;               /* log file or stderr, for zygotes and workers; or -1 */
        enum log_level log_level;
        usec_t control_timeout; /* process_control_timeout */
        unsigned process_max;   /* the most workers of all pools together; 0: any number */
        unsigned *n_workers;    /* workers of all pools: alive, or asked for */
        unsigned *n_awaited;    /* descriptors that workers asked for will bring (room.h) */
        unsigned files_needed;  /* descriptors of the master with all workers of all pools */
        struct rlimit files;    /* RLIMIT_NOFILE as it was found, for zygotes: the master has raised its own */
        void (*changed)(struct pool *pool, void *userdata);
        void (*ring)(void *userdata);            /* the doorbells of all pools that go on */
        bool (*owns)(pid_t pid, void *userdata); /* some pool waits for it: pool_owns() */
        void *userdata;
};

/* Borrowed: the master holds every listener open for as long as its pool lives. */
struct pool_listeners {
        const int *fds;
        size_t n;
};

enum generation_state {
        GENERATION_STARTING,  /* zygote starts PHP, first workers are on their way */
        GENERATION_ACCEPTING, /* the first workers accept */
        GENERATION_FAILED,    /* did not come up: reason says why */
        GENERATION_ENDING,    /* drains, or has lost its zygote */
};

struct generation {
        struct pool *pool;
        struct generation *next;
        uint32_t number;
        enum generation_state state;
        char *packed; /* the settings it was started with, as the zygote gets them */
        size_t n_packed;
        struct conf *settings; /* the same, to read here */
        const struct conf_pool *conf;
        struct pool_listeners listeners;
        char *reason;
        char *php_version;
        bool php_exposed; /* replies have it, as X-Powered-By */
        char *ini_files;
        usec_t started;

        pid_t zygote_pid; /* 0: reaped */
        int zygote_pidfd;
        sd_event_source *zygote_source;
        int ipc;
        sd_event_source *ipc_source;
        int lifeline; /* write end */
        struct log_out slow_log;
        struct output output; /* catch_workers_output */

        bool ready;         /* PHP is up in the zygote */
        unsigned n_first;   /* accepting workers it takes to be ACCEPTING */
        unsigned n_workers; /* alive or asked for */
        unsigned n_asked;   /* asked for, and not heard of yet */
        unsigned n_accepting;
        unsigned n_tracing;    /* TRACE orders without an answer */
        usec_t trace_since;    /* the first of them */
        unsigned n_ended;      /* workers that have ended, of which the zygote has said nothing yet */
        usec_t heard;          /* the zygote, the last time */
        bool given_up;         /* it has not answered, and is being killed */
        unsigned n_leaving;    /* alive, and told to end one by one: the pool needs fewer */
        unsigned n_to_replace; /* that have ended by themselves: the news of as many new ones is worth a notice */
        unsigned n_growing;    /* asked for beside the first ones, and not told of yet */

        struct scale_state scale;
        int backlog_fd; /* backlog.h; -1: not watched yet */
        sd_event_source *backlog_source;
        bool backlog_stale; /* workers have registered behind it */

        bool short_of_files;   /* room.h: and the log knows */
        bool short_of_workers; /* some could not be forked, and the log knows */

        bool draining;
        bool relayed; /* relay.c: its listeners are another pool's */
        enum timeouts_step drain_step;
        usec_t drain_since;
};

enum worker_state { WORKER_NONE, WORKER_ASKED, WORKER_STARTING, WORKER_ACCEPTING };

struct overtime_case;

/* A slot of the scoreboard, as the master has it in its own memory: what it acts on is never read from shared memory.
 */
struct pool_worker {
        enum worker_state state;
        bool leaving;    /* told to end */
        usec_t told;     /* when, unless that has been seen to */
        bool early;      /* accepts already, but its zygote has not told its pid yet */
        bool has_output; /* its pipes have come */
        bool old_log;    /* leaves for a new log file, where php-fpm's workers stay: no news under that name */
        struct generation *generation;
        pid_t pid;
        int pidfd;
        usec_t started;  /* or asked for */
        uint64_t number; /* of all workers the pool has ever asked for: the order in which they wait for connections */
        sd_event_source *exit_source;
        usec_t ended; /* and its zygote has not said so yet; 0: it lives */
        struct patience_memory patience;
        usec_t last_overtime;           /* when something was last done about one of its requests */
        struct overtime_case *overtime; /* its request is being traced, or NULL */
};

struct pool {
        const struct pool_env *env;
        char *name;
        int scoreboard_fd;
        struct scoreboard *scoreboard;
        int doorbell;
        sd_event_source *doorbell_source; /* relay.c, or NULL */
        bool meddled;                     /* relay.c: somebody has made the doorbell block, and the log knows */
        struct parks parks;

        struct generation *generations; /* newest first */
        struct generation *current;  /* NULL before the first one accepts, and when the pool ends. Its zygote may have
                                      * died:  then it is kept for its settings until its replacement accepts */
        struct generation *starting; /* a reload's, or the replacement of one whose zygote died or that did not start */
        struct generation *wanted;   /* there is no current one, since this one did not start: kept for its settings */
        bool starting_is_replacement;
        uint32_t last_generation;

        struct pool_worker *workers; /* SCOREBOARD_SLOTS of them; only the touched ones take memory */
        uint32_t n_used;

        unsigned n_young_dead;
        usec_t last_death;
        usec_t last_try;
        usec_t last_failure;      /* of a start */
        unsigned n_failed_starts; /* of a zygote, in a row: replacements, and the first one when it is put off */
        char *problem;            /* why the last of them failed, or NULL */
        uint64_t n_died;
        uint64_t n_asked;       /* workers ever asked for */
        uint64_t n_max_reached; /* times that pm.max_children kept the pool from growing */
        struct crashes crashes;
        bool renew; /* crashes have reached the threshold: a fresh generation is due */
        uint64_t n_reloads;
        uint64_t max_queue;
        struct waits waits;
        struct losses losses;
        sd_event_source *timer;
        sd_event_source *overtime_timer;
        usec_t overtime_at; /* when it is set to */
        uint64_t n_slow;
        bool stopping;
};

/* A pool without any generation yet. 0 or -errno. */
int pool_new(const struct pool_env *env, const char *name, struct pool **ret);

/* Ends nothing by itself: processes of the pool must be gone, or are left behind. */
void pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)

/* Starts a generation with these settings, which are copied, and these listeners. Its progress is told by changed();
 * see pool->starting. 0 or -errno. */
int pool_start_generation(struct pool *p, const struct conf *conf, const struct conf_pool *settings,
                          const struct pool_listeners *listeners);

/* Starts one with the settings and listeners of the current generation, whose zygote has died, or of the one that did
 * not start. 0 or -errno. */
int pool_start_replacement(struct pool *p);

/* The first generation has failed, and the service goes on without: it is tried again, later each time. Its clients
 * wait in the listeners' queues. */
void pool_put_off(struct pool *p);

/* The generation whose settings hold: the current one, or the one that is to be. NULL: there is none, the pool ends. */
struct generation *pool_settings(const struct pool *p);

/* The starting generation, which is ACCEPTING, becomes the current one; every other one is told to drain. */
void pool_promote(struct pool *p);

/* The starting generation is ended at once, and nothing else changes. */
void pool_abandon(struct pool *p);

/* relay.c: from now on its listeners may be other pools'. Before pool_promote(), or (ends) pool_stop(). */
void pool_relay(struct pool *p, bool ends);

/* relay.c: rings the doorbell, which workers may have made to block: between nowait_begin() and nowait_end(). */
void pool_ring(struct pool *p);

/* Its workers take no more connections from the listeners; the park still takes some. Just before pool_stop(). */
void pool_leave_listeners(struct pool *p);

/* The whole pool ends: requests in hand finish within the control timeout, or (at_once) are cut. */
void pool_stop(struct pool *p, bool at_once);

/* The log file (env->log_fd) is another one: zygotes get it for the workers they fork from now on, and the workers that
 * have the old one end when they are between two requests, and are replaced. */
void pool_renew_log(struct pool *p);

/* overtime.c: opens the slow log anew; workers have no part in it. */
void pool_reopen_slow_log(struct pool *p);

/* sample.c: brings the scoreboard's numbers up to date that nobody counts as they happen. Once a second. */
void pool_sample(struct pool *p);

/* sample.c: how many connections the listeners have room for, at once when there are others. A connection that waits in
 * that moment is not told: workers that have just begun take it. */
void pool_sample_limits(struct pool *p);

/* sample.c: workers of a generation that have no request in hand and have not been told to end: all of them, and those
 * that have been idle for so long. As the workers say: a hint. */
void pool_count_idle(const struct generation *g, usec_t idle_for, usec_t now, unsigned *ret_n, unsigned *ret_n_long);

/* sample.c: connections that workers have taken so far, from listeners and from the park. A hint. */
uint64_t pool_count_taken(const struct pool *p);

/* sample.c: of the workers that pool_count_idle() counts, the one that was asked for last. False: there is none. */
bool pool_last_idle(const struct generation *g, usec_t idle_for, usec_t now, uint32_t *ret_slot);

/* True when no process of the pool is left. */
bool pool_is_gone(const struct pool *p);

/* True when a generation accepts and no other one lives: a reload may begin. */
bool pool_is_settled(const struct pool *p);

/* When the last of what is ending will have been cut, or 0 when nothing is ending. */
usec_t pool_drain_deadline(const struct pool *p);

/* True when the pid is a process this pool waits for. */
bool pool_owns(const struct pool *p, pid_t pid);

/* supervise.c: brings the pool to where it should be: spawns, retries, ends what is overdue. Idempotent; arms its own
 * timer. */
void pool_supervise(struct pool *p);

/* supervise.c: a worker is gone. */
void pool_worker_exited(struct pool *p, uint32_t slot, int status, bool status_known);

/* generation.c */
int generation_start(struct pool *p, const char *packed, size_t n_packed, const struct pool_listeners *listeners,
                     struct generation **ret); /* settings are copied */
void generation_drain(struct generation *g, usec_t now);
/* Workers forked from now on have env->log_fd and a lifeline of their own; those there are end when they are between
 * two requests. 0 or -errno. */
int generation_renew(struct generation *g);
void generation_end(struct generation *g); /* at once: SIGTERM to all, or SIGKILL after a drain step */
void generation_signal(const struct generation *g, int sig); /* its workers */
void generation_fail(struct generation *g, const char *reason);
void generation_free(struct generation *g);
bool generation_is_gone(const struct generation *g);
/* spawn.c: the zygote's process. */
int zygote_process_start(struct generation *g, int ipc_child, int lifeline_read);
/* A zygote's argument list: its name, first (NULL-terminated), and what the command line says about PHP. Borrowed
 * strings, a fresh array; NULL: out of memory. */
char **zygote_process_arguments(const struct pool_env *env, char *const *first);

/* access.c: opens the pool's access log. 0 and *ret, the caller's, -1 when the pool has none; -errno, logged. */
int pool_access_open(const struct conf_pool *conf, int *ret);
