/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A zygote: one per pool and generation. It runs PHP's module start-up once, as the pool's user, and then only forks
 * workers on the master's order and reaps them. When the master is gone it keeps its pool at the size it had, one for
 * one.
 */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/time.h"
#include "conf/model.h"
#include "ipc/message.h"
#include "scoreboard/layout.h"
#include "worker/worker.h"

struct sapi_options;

struct zygote_child {
        pid_t pid; /* 0: waits to be replaced, from replace_at on (only without a master) */
        uint32_t slot;
        int memory; /* for the slow log (zygote/reading.h), or -1 */
        usec_t started;
        usec_t replace_at;
        bool warming;      /* its script has booted, and is at worker.warmup[] */
        int boot;          /* worker.script: what the worker says of its boot; -1: nothing more */
        usec_t boot_until; /* it is killed then, if it has not said that it is up */
};

struct zygote {
        struct conf *conf;
        const struct conf_pool *pool;
        struct scoreboard *scoreboard;
        uint32_t generation;
        struct watchers *watchers;
        int *listeners;
        size_t n_listeners;
        int ipc;            /* -1: the master is gone */
        int lifeline_write; /* -1: draining */
        int signal_fd;
        sigset_t signals; /* that it reads */
        sigset_t old_mask;
        struct rlimit files; /* RLIMIT_NOFILE as PHP has it */
        bool draining;
        bool stopping;
        usec_t kill_at;     /* when workers that ignored SIGTERM are killed */
        uint32_t last_slot; /* of the worker that was forked last */
        uint32_t n_spawned; /* workers forked so far */
        struct zygote_child *children;
        size_t n_children;
        bool is_reload;             /* the generation before this one serves until this one does */
        bool cold;                  /* a request of worker.warmup[] has cost a worker: the next ones have none */
        usec_t boot_look;           /* when a worker has booted for too long; USEC_INFINITY: none does */
        int boot;                   /* in a worker of a pool with worker.script: its end of the pipe */
        bool forked;                /* this process is a fork of a template, and the loop is to be left for good */
        struct worker_setup worker; /* its */
        struct ipc_message ready;   /* what the master is told when PHP is up, */
        int ready_fd;               /* and what goes with it */
};

/* main.c: PHP is up. 0 or -errno. */
int zygote_say_ready(struct zygote *z);
/* main.c: as many descriptors as there may be; PHP's limit is kept. */
void zygote_raise_files(struct zygote *z);

/* check.c: for a process that does nothing else: says on stdout what PHP does not take of the settings in
 * INHERIT_FIRST, and of its own files, as sapi_remarks_get() does. An exit status. */
int check_run(struct sapi_options *options);

/* warm.c: the requests of worker.warmup[] in a pool without worker.script, by a process of its own that ends with them.
 * 0; -ECANCELED: one has failed, the reload is refused, and the master has been told why. */
int warm_run(struct zygote *z);

/* template.c: worker.requests = 1: boots, and lives as a zygote. Returns only with -errno or -ECANCELED: the script has
 * not booted, and the master has been told why. */
int template_run(struct zygote *z);

/* spawn.c: forks a worker for a slot and tells the master. Returns 0, or -errno after telling the master. Never returns
 * in the child, but in the fork of a template: there is nothing left then to do for the zygote (z->forked). */
int zygote_spawn(struct zygote *z, uint32_t slot);

/* spawn.c: reaps every child that has ended, and tells the master, or without one plans its replacement. */
void spawn_reap(struct zygote *z, usec_t now);

/* spawn.c: without a master: replaces what is due. */
void spawn_replace_due(struct zygote *z, usec_t now);

/* spawn.c: sends a signal to every worker. */
void spawn_signal(const struct zygote *z, int sig);

/* boot.c: a pipe for a worker of a pool with worker.script, which says how its boot ends; {-1, -1} in others. 0 or
 * -errno. */
int boot_open(const struct zygote *z, int ret_ends[static 2]);
/* boot.c: in that worker, with its end: it has booted, and is at worker.warmup[]; it accepts; it does not, and ends; it
 * ends, and the next ones are to have no such requests. */
void boot_say_warming(int fd);
void boot_say_ready(int fd);
void boot_say_failed(int fd, const char *why);
void boot_say_cold(int fd);
/* boot.c: the generation has not taken over yet. */
bool boot_is_first(const struct zygote *z);
/* boot.c: a request of worker.warmup[] that fails is the generation's failure, and refuses the reload. */
bool boot_refuses_cold(const struct zygote *z);
/* boot.c: what the workers have said goes to the master, and those that take too long are killed. When to look again.
 */
usec_t boot_watch(struct zygote *z, usec_t now);
/* boot.c: the descriptors to poll, into p, which has room for as many as there are children. How many. */
size_t boot_poll(const struct zygote *z, struct pollfd *p);

/* spawn.c: tells the master, if there is one; that the generation has failed, and why. */
void spawn_tell(struct zygote *z, const struct ipc_message *m, const int *fds);
void spawn_tell_failed(struct zygote *z, const char *why);

/* spawn.c: workers alive. */
size_t spawn_n_alive(const struct zygote *z);

/* command.c: acts on the master's orders and on signals until there is nothing left to do. The exit status. */
int zygote_loop(struct zygote *z);
