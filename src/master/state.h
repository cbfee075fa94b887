/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's picture, as data. Each part has one file that changes it, named beside it; files that are above read it.
 * From below: logs, notify, pools, control; then apply, reload; then master, which moves the state on; then signal,
 * requests, tick; and start and main above all.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <systemd/sd-event.h>

#include "base/cgroup.h"
#include "base/names.h"
#include "base/text.h"
#include "base/time.h"
#include "conf/model.h"
#include "ipc/control.h"
#include "master/inherited.h"
#include "master/listen.h"
#include "master/options.h"
#include "master/plan.h"
#include "master/statuspage.h"
#include "master/store.h"
#include "pool/loader.h"
#include "pool/memory.h"
#include "pool/pool.h"
#include "pool/wake.h"

/* Every event changes the picture and then calls master_advance(), which goes on to another state when it can. */
enum state {
        STATE_STARTING,
        STATE_RUNNING,
        STATE_RELOADING,
        STATE_RENEWING, /* the reload has been taken, and pools get its settings in batches */
        STATE_STOPPING,
};

enum state_pool {
        STATE_POOL_SERVES, /* or starts, with the service */
        STATE_POOL_RENEWS, /* the reload under way has started a generation of it */
        STATE_POOL_LEAVES, /* it is not in the configuration any more, and goes when its last worker has */
};

/* idle.c */
struct idle_memory {
        uint64_t done; /* at the last look */
        usec_t since;  /* when something was done or held; 0: nobody has looked */
};

/* A pool with its listeners (pools.c). */
struct master_pool {
        struct pool *pool;
        enum state_pool state;
        struct listen_set *listeners;
        struct statuspage *status; /* pm.status_listen, or NULL */
        struct idle_memory idle;

        /* of the reload under way (apply.c) */
        struct plan_step planned;
        bool batched;                      /* batches.c: PHP is tried first, and its turn comes later */
        struct listen_set *next_listeners; /* where the pool moves to, or NULL */
        struct statuspage *next_status;    /* a page that is opened or moved, or NULL */
};

/* logs.c */
struct master_logs {
        int file_fd;                   /* error_log, or -1 */
        int old_file_fd;               /* what it was before the reload under way */
        int stderr_fd;                 /* a copy of stderr for zygotes, or -1 */
        sd_event_source *timer, *post; /* for entries that nobody took at once */
        bool reopen_pending;           /* SIGUSR1 came while a reload was under way */
};

struct master;
struct control_client;

/* control.c */
struct master_control {
        int fd;
        char *path;
        sd_event_source *source;
        struct control_client *clients;
        uint64_t last_ticket; /* of a client that waits for a reload */
        int (*handle)(struct master *m, struct control_client *c, const struct ipc_control_message *message);
};

/* wishes.c */
struct wishes {
        bool any;
        bool all;           /* for all pools */
        bool changed;       /* for those whose settings have changed */
        struct wish *named; /* and each of these, by its names */
};

/* reload.c */
struct master_reload {
        struct conf *conf;         /* that is to hold */
        usec_t not_before;         /* connections at an address that is given up are still on their way */
        sd_event_source *deferred; /* comes then */

        size_t n_batched;             /* pools that are renewed in batches; 0: none is */
        sd_event_source *batch_timer; /* the next one may begin then, whatever is left of the last */

        /* of the one that has been taken */
        size_t n_renewed;
        bool in_part;
        struct text remarks;

        struct wishes wishes; /* for the next one, which begins when it can */

        /* of the last one */
        enum ipc_control_outcome outcome;
        char *text;
        usec_t wall;
};

/* notify.c, tick.c */
struct master_notify {
        bool supervised; /* somebody listens to sd_notify */
        bool stopping;   /* and has been told STOPPING=1, after which READY=1 would mean that it is up again */
        sd_event_source *tick;
        sd_event_source *watchdog;
        usec_t watchdog_half;
        char *status;
        usec_t last_time;
        usec_t next_time; /* systemd_interval */
};

/* memory.c */
struct master_memory {
        struct cgroup cgroup;
        struct memory_view view;
        struct memory_kills kills;
        sd_event_source *pressure; /* pressure.c; or NULL */
        int pressure_fd;
        usec_t next_look;
};

/* stop.c */
enum state_stop {
        STATE_STOP_NOT,
        STATE_STOP_DRAINS, /* load balancers are told */
        STATE_STOP_CLOSES, /* new clients are not let in */
};

struct master_stop {
        enum state_stop step;
        sd_event_source *timer; /* the next step */
};

/* idle.c */
struct master_idle {
        usec_t limit; /* 0: the service stays */
        sd_event_source *source;
};

struct master {
        const struct options *options;
        sd_event *event;
        enum state state; /* master.c, reload.c */
        struct conf *conf;
        struct pool_env env;
        struct loader loader;
        struct wakes wakes;
        struct budget budget;         /* makeroom.c */
        sd_event_source *budget_turn; /* likewise */
        usec_t budget_next;           /* likewise */
        usec_t started;
        int exit_status;

        /* pools.c */
        struct master_pool **pools;
        size_t n_pools;
        struct names by_name; /* their places */
        unsigned n_workers;   /* of all pools */
        unsigned n_awaited;   /* descriptors, likewise */
        int n_files;          /* descriptors that are open without workers */
        rlim_t files_given;   /* the limit of descriptors that the program was started with */

        /* start.c */
        struct inherited inherited;
        char *socket_remarks; /* pools.c: what settings want of systemd's sockets, and these have not; or NULL */
        struct store store;   /* store.c */
        char *pid_path;       /* written, to be removed; or NULL */
        int daemon_fd;        /* daemon.h; -1: in the foreground, or up */
        bool daemonized;

        struct master_logs logs;
        struct master_control control;
        struct master_reload reload;
        struct master_notify notify;
        struct master_idle idle;
        struct master_stop stop;
        struct master_memory memory;
};
