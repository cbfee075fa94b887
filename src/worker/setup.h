/* SPDX-License-Identifier: MIT */
#pragma once
/* What a freshly forked worker does before it may take a connection. */

#include <stdbool.h>

#include "worker/worker.h"

/* Signals, title, standard descriptors, environment, working directory. quit_fd: the eventfd that SIGQUIT writes.
 * copy_lets_go: called in each process that is forked off this one, may only close. last_words: called in SIGTERM's and
 * SIGINT's handler, before they end this one. 0, or -errno with a log entry that says what failed. */
int worker_setup_process(const struct worker_setup *setup, int quit_fd, void (*copy_lets_go)(void),
                         void (*last_words)(void));

/* True in a process that PHP code has forked off a worker (pcntl_fork): it must neither answer the worker's client nor
 * take a place beside the worker, and ends with its script. */
bool worker_is_copy(void);

/* SIGQUIT has come. The wait says so too, but only after a connection that it has seen before. */
bool worker_is_told_to_end(void);
