/* SPDX-License-Identifier: MIT */
#pragma once
/* What a freshly forked worker does before it may take a connection. */

#include <stdbool.h>

#include "conn/allow.h"
#include "worker/worker.h"

/* In the zygote, before its first fork: looks up what all its workers need alike, so that a first answer does not wait
 * for it, and opens what a chroot may not have. 0 or -errno. */
int setup_prepare(const struct conf_pool *pool);

/* What PHP code sees of its process: environment, working directory, and signals that end it. In a process whose forks
 * are workers, before PHP code runs there. 0 or -errno. */
int setup_application(const struct conf_pool *pool);

/* That, if the zygote has not done so; title, standard descriptors. quit_fd: the eventfd that SIGQUIT writes.
 * copy_lets_go: called in each process that is forked off this one, may only close. last_words: called in SIGTERM's and
 * SIGINT's handler, before they end this one. 0, or -errno with a log entry that says what failed. */
int setup_process(const struct worker_setup *setup, int quit_fd, void (*copy_lets_go)(void), void (*last_words)(void));

/* True in a process that PHP code has forked off a worker (pcntl_fork): it must neither answer the worker's client nor
 * take a place beside the worker, and ends with its script. */
bool setup_is_copy(void);

/* SIGQUIT has come. The wait says so too, but only after a connection that it has seen before. */
bool setup_is_told_to_end(void);

/* listen.allowed_clients and listen.peer_users; the log is told what is wrong with the first, in php-fpm's words. 0 or
 * -ENOMEM. */
int setup_allow(const struct conf_pool *pool, struct allow *ret);
