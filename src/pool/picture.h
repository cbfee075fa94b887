/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's picture of a pool: its listeners, its scoreboard, and its generations. A generation is one zygote and
 * the workers it forked. One generation is current: it accepts, and is kept at its size. Beside it there may be one
 * that is starting (a reload under way) and ones that are ending: told to drain, or whose zygote died.
 *
 * Everything in this folder works on it, in the master's event loop, and includes it; it includes what is pure alone.
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
#include "pool/budget.h"
#include "pool/crashes.h"
#include "pool/queuewait.h"
#include "pool/ration.h"
#include "pool/scale.h"
#include "pool/stuck.h"
#include "pool/timelimit.h"
#include "pool/timeouts.h"
#include "scoreboard/layout.h"
#include "untrusted/board.h"

struct pool;
struct loader;
struct wakes;
struct memory_view;
struct memory_kills;

/* What pools need from the master; outlives them. */
struct pool_env {
        sd_event *event;
        int zygote_fd; /* the zygote's binary, open; kept over upgrades of the package, so that versions never mix */
        int park_fd;   /* the park's binary, likewise */
        int logger_fd; /* and the logger's */
        struct loader *loader;
        const char *php_ini;      /* -c, or NULL */
        bool no_php_ini;          /* -n */
        bool extended_info;       /* -e */
        bool allow_root;          /* -R: a pool's user may be root */
        char *const *php_defines; /* -d, NULL-terminated */
        int journal_fd;           /* or -1 */
        int log_fd;               /* log file or stderr, for zygotes and workers; or -1 */
        enum log_level log_level;
        usec_t control_timeout; /* process_control_timeout */
        usec_t patience;        /* health.h: with a pool that leaves connections waiting beside idle workers */
        bool hopeless;          /* no pool takes connections: the watchdog is not fed */
        unsigned process_max;   /* the most workers of all pools together; 0: any number */
        struct budget *budget;  /* pool.budget, and who claims more */
        unsigned *n_workers;    /* workers of all pools: alive, or asked for */
        unsigned *n_awaited;    /* descriptors that workers asked for will bring (room.h) */
        unsigned files_needed;  /* descriptors of the master with all workers of all pools */
        const struct memory_view *memory; /* memory.h */
        struct memory_kills *kills;       /* likewise */
        usec_t pressed_until;             /* memory is short up to then */
        struct wakes *wakes;              /* wake.h */
        struct ration *ration;            /* whose turn it is to start PHP */
        struct rlimit files; /* RLIMIT_NOFILE as it was found, for zygotes: the master has raised its own */
        void (*changed)(struct pool *pool, void *userdata);
        void (*ring)(void *userdata);            /* the doorbells of all pools that go on */
        bool (*owns)(pid_t pid, void *userdata); /* some pool waits for it: pool_owns() */
        /* A park that runs as uid gives fd as an idle connection that is to outlive the process. It stays the caller's.
         * False: no. */
        bool (*keep)(struct pool *pool, uid_t uid, int fd, void *userdata);
        void *userdata;
};

/* Borrowed: the master holds every listener open for as long as its pool lives. */
struct pool_listeners {
        const int *fds;
        size_t n;
};

/* output.c: pipes of a worker, the reading ends. */
struct output_pipes {
        struct output_pipes *next;
        pid_t pid; /* of the worker */
        int fds[2];
        bool given; /* to the logger that there is */
        bool ended; /* the worker has; others may still write there */
};

struct output {
        struct output_pipes *pipes;
        pid_t pid; /* of the logger; 0: there is none */
        int pidfd, orders;
        sd_event_source *exit_source;
        sd_event_source *room_source; /* for orders that it has no room for now */
        usec_t started, retry_at, finish_at, give_at;
        usec_t killed; /* it did not finish in time; 0: not */
        unsigned n_young_dead;
        bool log_due; /* it has the old log file */
        bool told_to_finish;
        bool over; /* everything is written, or given up */
};

/* parks.c */
struct park_process {
        struct park_process *next;
        struct pool *pool;
        pid_t pid;
        uid_t uid; /* the pool's user, which it is */
        int pidfd;
        int orders;
        sd_event_source *source; /* its end */
        sd_event_source *word;   /* what it says */
        usec_t started;
        char *key;    /* the settings that it was started with */
        bool refuses; /* it takes connections itself, and tells their clients that the pool does not start */
        bool leaves;  /* and has been told to take no more */
        bool retired;
        unsigned n_keep;  /* idle connections that it may give when the pool stops */
        unsigned n_given; /* and what it has given */
        unsigned n_kept;  /* of that, what outlives this process */
};

struct parks {
        int intake[2]; /* to receive from, and to send to; -1 before the pool's first zygote, and when the pool stops */
        int offers[2];
        struct park_process *processes; /* the newest first: at most one is not retired */
        sd_event_source *arrival;       /* the first hand-over, while there is no park; or NULL */
        unsigned n_young_dead;          /* in a row */
        unsigned n_asleep;              /* started while the pool slept, since it was awake */
        usec_t asleep_at;               /* the next one of these may be */
        usec_t retry_at;
        usec_t stop_since;
        bool cut;        /* they have been killed, as that was too long ago */
        bool given;      /* connections, by the master: they may not be in the park's numbers yet */
        unsigned n_keep; /* idle connections that may outlive this process when the pool stops; 0: none */
};

/* losses.c */
struct losses {
        uint64_t told[SCOREBOARD_LOGS], seen[SCOREBOARD_LOGS];
        usec_t since; /* wall clock: the first one that has not been told; 0: none */
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
        char *reason;   /* why it has failed */
        usec_t started; /* its zygote; 0: it has none yet */
        bool asleep;    /* it has no process, and gets none: the master watches its listeners, and a successor serves */
        bool trial;     /* started to see whether PHP starts, and for no client: it gets no worker by itself */
        usec_t unused_since; /* it has had no worker since then; 0: it has one */

        struct { /* what its zygote has said of PHP */
                char *version;
                bool exposed; /* replies have it, as X-Powered-By */
                char *ini_files;
                char *remarks; /* lines about settings that it has not taken; NULL as "" */
        } php;

        struct {           /* the process, and what it owes */
                pid_t pid; /* 0: reaped */
                int pidfd;
                sd_event_source *exit_source;
                int ipc;
                sd_event_source *ipc_source;
                bool ready;         /* PHP is up */
                unsigned n_asked;   /* workers asked for, and not heard of yet */
                unsigned n_tracing; /* TRACE orders without an answer */
                usec_t trace_since; /* the first of them */
                unsigned n_ended;   /* workers that have ended, of which it has said nothing yet */
                usec_t heard;       /* the last time */
                usec_t given_up;    /* it has not answered, and was killed then; 0: not */
        } zygote;

        int lifeline; /* write end */
        struct log_out slow_log;
        struct output output; /* catch_workers_output */

        unsigned max_children; /* pm.max_children, or what "auto" has come to */
        unsigned n_first;      /* accepting workers it takes to be ACCEPTING */
        unsigned n_workers;    /* alive or asked for */
        unsigned n_accepting;
        unsigned n_leaving;    /* alive, and told to end one by one: the pool needs fewer */
        unsigned n_to_replace; /* that have ended by themselves: the news of as many new ones is worth a notice */
        unsigned n_growing;    /* asked for beside the first ones, and not told of yet */
        struct scale_state scale;
        bool short_of_files;   /* room.h: and the log knows */
        bool short_of_workers; /* some could not be forked, and the log knows */

        struct {        /* backlog.h */
                int fd; /* -1: not watched yet */
                sd_event_source *source;
                bool stale; /* workers have registered behind it */
        } backlog;

        struct { /* drain.h */
                bool begun;
                enum timeouts_step step;
                usec_t since;
        } drain;
        bool relayed; /* relay.c: its listeners are another pool's */
};

enum worker_state { WORKER_NONE, WORKER_ASKED, WORKER_STARTING, WORKER_ACCEPTING };

struct trace_case;

/* A slot of the scoreboard, as the master has it in its own memory: it acts on nothing that it reads from shared
 * memory.
 */
struct pool_worker {
        enum worker_state state;
        bool leaving;     /* told to end */
        bool killed;      /* by the master */
        usec_t told;      /* when, unless that has been seen to */
        bool early;       /* accepts already, but its zygote has not told its pid yet */
        bool has_output;  /* its pipes have come */
        bool boot_failed; /* its application is not up, as it has said */
        bool old_log;     /* leaves for a new log file, where php-fpm's workers stay: no news under that name */
        struct generation *generation;
        pid_t pid;
        int pidfd;
        usec_t started;  /* or asked for */
        uint64_t number; /* of all workers the pool has ever asked for: the order in which they wait for connections */
        sd_event_source *exit_source;
        usec_t ended; /* and its zygote has not said so yet; 0: it lives */
        struct timelimit_memory timelimit;
        usec_t last_acted;        /* when something was last done about one of its requests */
        struct trace_case *trace; /* its request is being traced, or NULL */
};

/* renewal.h: of the settings that a reload brings in batches */
enum renewal_state {
        RENEWAL_NONE,
        RENEWAL_PREPARED, /* PHP is to be tried with them */
        RENEWAL_IN_TRIAL, /* p->starting is that */
        RENEWAL_TRIED,    /* it has started, or the settings are GENERATION_FAILED */
        RENEWAL_HOLDS,    /* the reload is done; whatever starts from now on has them */
        RENEWAL_BEGUN,    /* and it is the pool's turn to be renewed */
};

enum pool_first {
        POOL_FIRST_AS_NEEDED, /* with a zygote, where its settings ask for workers at once, or it may not sleep */
        POOL_FIRST_AWAKE,     /* with one */
        POOL_FIRST_TRIAL,     /* likewise, to see whether PHP starts: then it sleeps, unless clients have come */
};

struct pool {
        const struct pool_env *env;
        void (*supervise)(struct pool *pool); /* supervise.c, which is above whoever changes the picture */
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
        struct generation
                *prepared; /* of a pool that sleeps: what is to become its current one in this reload; in no list */
        struct {
                enum renewal_state state;
                struct generation *settings; /* kept for them; in no list */
                struct generation *before; /* likewise, up to RENEWAL_TRIED: of a renewal that has failed, which hold as
                                            * long as the next one has not been taken; or NULL */
        } renewal;
        struct generation *wanted; /* there is no current one, since this one did not start: kept for its settings */
        enum pool_first first;     /* how its first generation is to be started; then POOL_FIRST_AS_NEEDED */
        bool starting_is_replacement;
        uint32_t last_generation;

        struct pool_worker *workers; /* SCOREBOARD_SLOTS of them; only the touched ones take memory */
        uint32_t n_used;

        uint64_t n_asked;       /* workers ever asked for */
        uint64_t n_max_reached; /* times that pm.max_children kept the pool from growing */

        struct { /* of workers, by themselves */
                uint64_t n;
                uint64_t n_oom;   /* killed by the kernel, for want of memory */
                unsigned n_young; /* soon after their start, in a row */
                usec_t last;
                usec_t last_try; /* to replace one of these */
                struct crashes crashes;
        } deaths;
        struct {                                  /* wake.h */
                const struct generation *watched; /* its listeners are, by the master, for it sleeps; or NULL */
                bool failed;                      /* so they cannot be */
                bool lets_pass;                   /* those whose clients came before */
                struct ration_turn turn;          /* to start a zygote */
        } wake;
        struct budget_claim claim;
        bool renew; /* a fresh generation is due: crashes have reached the threshold, or a renewal has begun */

        struct {                   /* of zygotes */
                unsigned n_failed; /* in a row: replacements, and the first one when it is put off */
                usec_t last_failure;
                char *problem;    /* why the last of them failed, or NULL */
                unsigned n_short; /* in a row: zygotes in charge that have ended soon after their start */
                usec_t last_short;
        } starts;
        uint64_t n_reloads;
        struct {                /* memory.h: pm.max_children = auto */
                unsigned limit; /* in force; 0: none has been reckoned */
                uint64_t need;  /* bytes that a worker takes; 0: none has been measured */
        } capacity;

        struct { /* sample.h: of the listeners' queues */
                uint64_t now, most;
                struct queuewait wait;
                usec_t last_wait; /* of the connections taken before the last look; of those that wait, if none were */
        } queue;
        struct { /* sample.h: of the park's */
                struct untrusted_board_offers seen;
                bool unsettled; /* those counts are to be looked at again */
        } offers;
        struct { /* health.h; numbers are of the last look */
                struct stuck stuck;
                usec_t stuck_for; /* 0: it is not */
                bool renewed;     /* since it is */
                bool drained;     /* load balancers are to send it nothing */
                unsigned n_workers, n_idle;
                uint64_t n_waiting;
                unsigned weight;
        } health;
        struct losses losses;
        sd_event_source *timer;

        struct {                         /* of the status line (master/notify.c) */
                bool counted;            /* of one that sleeps: its scoreboard does not change */
                uint64_t requests, slow; /* at the last look */
        } quiet;

        struct { /* requests.h */
                sd_event_source *timer;
                usec_t at; /* when it is set to */
                uint64_t n_slow;
        } requests;
        bool stopping;

        struct {                             /* last.h */
                struct generation *settings; /* kept for them, while there may be requests to serve; or NULL */
                sd_event_source *offered;    /* the park offers one, and no worker is there */
                bool tried;                  /* to start PHP for them; it is not tried twice */
                unsigned n_refusals;         /* processes started to refuse them */
        } last;
};

/* The picture has changed: does what follows from that, and tells the master. */
void picture_changed(struct pool *p);

/* The generation whose settings hold: the current one, or the one that is to be. NULL: there is none, the pool ends. */
struct generation *picture_settings(const struct pool *p);

/* The same, and of a pool that stops the newest one that is still there. NULL: all are gone. */
struct generation *picture_last_settings(const struct pool *p);

/* The settings that a reload has brought, and that the pool does not run with yet. NULL: there are none. */
const struct generation *picture_renewed(const struct pool *p);
