/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * catch_workers_output as the master sees it: each generation has a logger (fpmd-logger), which reads the pipes of that
 * generation's workers and writes the lines, so that the master reads none of it, waits for no log, and a slow log
 * holds up those alone who write. The master keeps a copy of each pipe's reading end: a logger that dies is replaced,
 * and nothing that is in the pipes is lost.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "pool/picture.h"

void output_init(struct output *o);
void output_done(struct output *o);

/* A worker's pipes, the reading ends. Takes over the descriptors. 0 or -ENOMEM. */
int output_add(struct generation *g, pid_t pid, int stdout_fd, int stderr_fd);
void output_worker_ended(struct generation *g, pid_t pid);

/* Sees to it that there is a logger while the generation lives, unless that is only tried, and has no worker; that it
 * has all pipes, and that it ends after the last worker. When it is to be called again. */
usec_t output_supervise(struct generation *g, usec_t now);

/* Nothing of the workers' output is on its way any more. */
bool output_is_over(const struct generation *g);

/* The log file is another one. */
void output_renew_log(struct generation *g);
