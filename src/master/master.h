/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master: one sd-event loop over signals, the control socket, the timers of sd_notify, and the pools. It runs no
 * PHP, is on the path of no request, and reads no client's bytes but on pm.status_listen (statuspage.c).
 *
 * Its state is one of four; every event changes the picture and then calls master_advance(), which moves the state on
 * when it can.
 */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/time.h"
#include "conf/load.h"
#include "ipc/exchange.h"
#include "master/inherited.h"
#include "master/listen.h"
#include "master/options.h"
#include "master/plan.h"
#include "master/statuspage.h"
#include "pool/pool.h"

/* Exit statuses: sysexits(3), as php-fpm. */
#define MASTER_EXIT_USAGE    64
#define MASTER_EXIT_CONFIG   78
#define MASTER_EXIT_SOFTWARE 70

enum master_state {
        MASTER_STARTING,
        MASTER_RUNNING,
        MASTER_RELOADING,
        MASTER_STOPPING,
};

enum master_pool_state {
        MASTER_POOL_SERVES, /* or starts, with the service */
        MASTER_POOL_RENEWS, /* the reload under way has started a generation of it */
        MASTER_POOL_LEAVES, /* it is not in the configuration any more, and goes when its last worker has */
};

/* A pool with its listeners. */
struct master_pool {
        struct pool *pool;
        enum master_pool_state state;
        struct listen_set *listeners;
        struct statuspage *status; /* pm.status_listen, or NULL */

        /* of the reload under way */
        struct plan_step planned;
        struct listen_set *next_listeners; /* where the pool moves to, or NULL */
        struct statuspage *next_status;    /* a page that is opened or moved, or NULL */
};

struct control_client;

struct master {
        const struct options *options;
        sd_event *event;
        enum master_state state;
        struct conf *conf;
        struct pool_env env;
        unsigned n_workers; /* of all pools */
        unsigned n_awaited; /* descriptors, likewise */
        int n_files;        /* descriptors that are open without workers */
        struct inherited inherited;
        struct master_pool **pools;
        size_t n_pools;
        usec_t started;
        int exit_status;
        char *pid_path; /* written, to be removed; or NULL */
        int daemon_fd;  /* daemon.h; -1: in the foreground, or up */
        bool daemonized;

        /* logs */
        int log_file_fd;                       /* error_log, or -1 */
        int stderr_fd;                         /* a copy of stderr for zygotes, or -1 */
        sd_event_source *log_timer, *log_post; /* for entries that nobody took at once */

        /* control.c */
        int control_fd;
        char *control_path;
        sd_event_source *control_source;
        struct control_client *clients;

        /* reload.c */
        struct conf *next_conf;
        int old_log_file_fd;
        usec_t reload_not_before; /* connections at an address that is given up are still on their way */
        bool reopen_pending;      /* SIGUSR1 came while it was under way */
        bool reload_pending;      /* asked for while another was under way */
        struct text reload_names; /* pools that the pending one is for, one a line; "" for all */
        bool reload_pending_all;
        bool reload_pending_changed; /* and those whose settings have changed */
        enum ipc_control_outcome reload_outcome;
        char *reload_text;
        usec_t reload_wall;

        /* notify.c */
        bool supervised; /* somebody listens to sd_notify */
        sd_event_source *tick;
        sd_event_source *watchdog;
        usec_t watchdog_half;
        char *status;
        uint64_t last_requests;
        usec_t last_tick;
        usec_t next_status; /* systemd_interval */
};

/* master.c */
int master_new(const struct options *options, struct conf *conf, struct master **ret);
void master_free(struct master *m);
DEFINE_CLEANUP(struct master *, master_free)
int master_start(struct master *m, struct text *problems);
void master_advance(struct master *m);
/* How many descriptors it may need with these pools. */
void master_count_files(struct master *m, const struct conf *conf);
void master_stop(struct master *m, bool at_once);
/* "fpmd-zygote" or "fpmd-park". A descriptor for execveat(2), or -errno. */
int master_open_program(const char *name);
/* The line that follows "ready to handle connections" in php-fpm's log. */
void master_log_monitor(const struct master *m);
struct master_pool *master_find(struct master *m, const char *name);
int master_add_pool(struct master *m, const char *name, struct listen_set *listeners, struct master_pool **ret);
/* The page of settings->status_listen, which is set. 0; LISTEN_E_PROBLEM; -errno. */
int master_open_status(struct master *m, struct inherited *inherited, struct master_pool *mp,
                       const struct conf_pool *settings, struct statuspage **ret, struct text *problems);
void master_remove_pool(struct master *m, size_t i);
bool master_is_settled(const struct master *m);
void master_reap_strangers(struct master *m);

/* logs.c: where entries go, by configuration and by what stderr is. */
int logs_open(struct master *m, const struct conf *conf, struct text *problems);
void logs_apply(struct master *m, const struct conf *conf);
void logs_reopen(struct master *m);

/* The master waits for no log: what one does not take is kept, and sent from timers, from logs_attach() on. finish: at
 * the end, waits for readers for a few seconds. tell: what there was no room for. 0 or -errno. */
int logs_attach(struct master *m);
void logs_finish(const struct master *m);
void logs_tell_losses(void);

/* The log is another file now; old is the descriptor of the one of before. */
void logs_replaced(struct master *m, int old);

/* signal.c */
int signal_attach(struct master *m);

/* notify.c: what the service manager is told. */
int notify_attach(struct master *m);
void notify_ready(struct master *m);
void notify_reloading(struct master *m);
void notify_stopping(struct master *m);
void notify_status(struct master *m, usec_t now);

/* reload.c: asks for a reload of the named pools (names: one a line, or "" for all). It begins as soon as no other is
 * under way. */
void reload_request(struct master *m, const char *names);
/* The same for the pools whose settings are not those that they run with. */
void reload_request_changed(struct master *m);
void reload_begin_pending(struct master *m);
void reload_advance(struct master *m);

/* control.c */
int control_attach(struct master *m);
void control_detach(struct master *m);
/* Takes connections again after a shortage. */
void control_resume(struct master *m);
/* The outcome for everybody who waits for the reload under way. */
void control_reload_ended(struct master *m, bool done, const char *text);
/* The waiting ones belong to the reload that begins now. */
void control_reload_begun(struct master *m);
