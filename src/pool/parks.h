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

void parks_init(struct parks *parks);
/* The pairs, unless they are there. 0 or -errno. */
int parks_open(struct parks *parks);
/* Processes that are left are killed. */
void parks_done(struct parks *parks);

/* What a park has of the settings, in words; the caller's. NULL: out of memory. */
char *parks_key(const struct generation *g);

/* Starts one with a generation's settings. refuses: it stands in for workers. 0 or -errno. */
int parks_start(struct generation *g, const char *key, bool refuses, usec_t now);

/* The one that takes what is handed over, or NULL. */
struct park_process *parks_current(const struct parks *parks);

/* It takes no more, and ends with its last connection. */
void parks_retire(struct park_process *k);

/* The pool stops: each park finishes what it has, or (at_once) is killed. */
void parks_stop(struct pool *p, bool at_once, usec_t now);

/* All at once; and those that have been killed and do not go are forgotten. */
void parks_kill(struct pool *p);
void parks_leave_behind(struct pool *p);

/* Whether a park has connections, or may: one that refuses has none that it does not answer by itself. */
bool parks_hold(const struct parks *parks);

/* The log file is another one. */
void parks_renew_log(struct pool *p);

/* A connection that has just come, whose descriptor stays the caller's. As handover_send(). */
int parks_give(struct pool *p, int fd);

/* The same of one between two requests, which a park of before the start had. */
int parks_give_back(struct pool *p, int fd);

bool parks_own(const struct parks *parks, pid_t pid);

/* The one that takes connections; 0: none does. */
pid_t parks_pid(const struct parks *parks);
