/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A zygote: one per pool and generation. It runs PHP's module start-up once, as the pool's user, and then only forks
 * workers on the master's order and reaps them. When the master is gone it keeps its pool at the size it had, one for
 * one.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/time.h"
#include "conf/model.h"
#include "scoreboard/layout.h"

struct zygote_child {
        pid_t pid; /* 0: waits to be replaced, from replace_at on (only without a master) */
        uint32_t slot;
        int memory; /* for the slow log (zygote/reading.h), or -1 */
        usec_t started;
        usec_t replace_at;
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
        sigset_t old_mask;
        struct rlimit files; /* RLIMIT_NOFILE as PHP has it */
        bool draining;
        bool stopping;
        usec_t kill_at;     /* when workers that ignored SIGTERM are killed */
        uint32_t last_slot; /* of the worker that was forked last */
        struct zygote_child *children;
        size_t n_children;
};

/* spawn.c: forks a worker for a slot and tells the master. Returns 0, or -errno after telling the master. Never returns
 * in the child. */
int zygote_spawn(struct zygote *z, uint32_t slot);

/* spawn.c: reaps every child that has ended, and tells the master, or without one plans its replacement. */
void spawn_reap(struct zygote *z, usec_t now);

/* spawn.c: without a master: replaces what is due. */
void spawn_replace_due(struct zygote *z, usec_t now);

/* spawn.c: sends a signal to every worker. */
void spawn_signal(const struct zygote *z, int sig);

/* spawn.c: workers alive. */
size_t spawn_n_alive(const struct zygote *z);

/* command.c: acts on the master's orders and on signals until there is nothing left to do. The exit status. */
int zygote_loop(struct zygote *z);
