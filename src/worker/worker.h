/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker: forked by its zygote with PHP started, it takes connections, runs one request at a time, and ends when it
 * is told to, has served pm.max_requests, or PHP's state can no longer be trusted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "conf/model.h"
#include "scoreboard/layout.h"

struct worker_setup {
        const struct conf *conf;
        const struct conf_pool *pool;
        struct scoreboard *scoreboard;
        uint32_t slot;
        uint32_t generation;
        uint32_t turn; /* how many workers its zygote has forked before it */
        struct watchers *watchers;
        const int *listeners;
        size_t n_listeners;
        int offers; /* from the park, and the way to it: conn/handover.h */
        int intake;
        int doorbell;
        int lifeline;
        int stdout_fd; /* becomes the worker's stdout; -1: /dev/null */
        int stderr_fd;
        int access_fd; /* the access log; -1: none */
        bool readable; /* for the slow log, by its zygote: it has to be dumpable */
        /* Called once the worker waits for connections, before any PHP code runs; closes what the worker must not keep.
         */
        void (*accepting)(void *ctx);
        /* worker.script has ended, before it was ready: why. In such pools accepting comes from within PHP, and has
         * nothing left to close. */
        void (*boot_failed)(void *ctx, const char *why);
        /* worker.warmup[] in such pools: they begin; one of them has cost the worker, and its successors are better
         * without. */
        void (*warming)(void *ctx);
        void (*gone_cold)(void *ctx);
        bool is_first;     /* nobody of its generation serves yet: what costs the worker is a boot that fails */
        bool cold;         /* there are none */
        bool refuses_cold; /* each that fails is */
        void *ctx;
};

/* Lives the worker's life in the freshly forked child and ends the process. Takes over all descriptors of the setup. */
_noreturn_ void worker_run(const struct worker_setup *setup);

/* The same in a fork of a process that has booted worker.script: from within the script, for one request (none, when it
 * is told to end before). It returns for the script to go on, and at the script's end the process ends. */
void worker_run_once(const struct worker_setup *setup);
_noreturn_ void worker_run_end(uint32_t exit_status);
