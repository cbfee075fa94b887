/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The pool's park as the master sees it: the two pairs of sockets (conn/handover.h), which the master holds so that
 * they outlive any process, and the process of fpmd-park, over all generations. A reload that changes what concerns it
 * starts another one on the same pairs; the old one ends with its last connection.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "pool/picture.h"

/* 0 or -errno. */
int parks_init(struct parks *parks);
/* Processes that are left are killed. */
void parks_done(struct parks *parks);

/* Sees to it that there is a park with the settings of the current generation, or of the one that starts. When it is to
 * be called again. */
usec_t parks_supervise(struct pool *p, usec_t now);

/* The pool stops: each park finishes what it has, or (at_once) is killed. */
void parks_stop(struct pool *p, bool at_once, usec_t now);

/* The log file is another one. */
void parks_renew_log(struct pool *p);

/* A connection that has just come, whose descriptor stays the caller's. As handover_send(). */
int parks_give(struct parks *parks, int fd);

bool parks_own(const struct parks *parks, pid_t pid);

/* The one that takes connections; 0: none does. */
pid_t parks_pid(const struct parks *parks);
