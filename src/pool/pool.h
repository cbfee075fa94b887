/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A pool as the master has it (picture.h): its begin, its reloads, its end. It runs in the master's event loop and
 * reports through pool_env.changed(); the master decides about the meaning of a change.
 */

#include "pool/generation.h"
#include "pool/parks.h"
#include "pool/picture.h"

/* A pool without any generation yet. 0 or -errno. */
int pool_new(const struct pool_env *env, const char *name, struct pool **ret);

/* Ends nothing by itself: processes of the pool must be gone, or are left behind. */
void pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)

/* Begins a generation with these settings, which are copied, and these listeners. Where the pool sleeps, or is new and
 * may sleep, it gets no process, and is ready at once; p->first says otherwise. Its progress is told by changed(); see
 * pool_is_ready(), pool_failure(). 0 or -errno. */
int pool_start_generation(struct pool *p, const struct conf *conf, const struct conf_pool *settings,
                          const struct pool_listeners *listeners);

/* The same for a pool that is awake and goes on with what it has for now: see renewal.h. Only what pool_is_ready() and
 * pool_failure() tell of is seen to here, with no worker. */
int pool_try_generation(struct pool *p, const struct conf *conf, const struct conf_pool *settings,
                        const struct pool_listeners *listeners);

/* What was begun may be promoted. */
bool pool_is_ready(const struct pool *p);

/* What PHP has not taken of its settings, a line for each: of the generation that serves, of the one that is to. ""
 * where that is none, or has no PHP yet. */
const char *pool_remarks(const struct pool *p);
const char *pool_next_remarks(const struct pool *p);

/* Why it never will be; NULL: it may. */
const char *pool_failure(const struct pool *p);

/* The first generation has failed, and the service goes on without: it is tried again, later each time. Its clients
 * wait in the listeners' queues. One that may sleep does so, and is tried again when a client comes. */
void pool_put_off(struct pool *p);

/* What was begun, and is ready, becomes the current generation; every other one is told to drain. */
void pool_promote(struct pool *p);

/* What was begun is ended, with what its workers have in hand finished, and nothing else changes. */
void pool_abandon(struct pool *p);

/* A zygote is up whose workers take connections, or may be forked for them. */
bool pool_accepts(const struct pool *p);

/* Its workers take no more connections from the listeners; the park still takes some. Just before pool_stop(). */
void pool_leave_listeners(struct pool *p);

/* The whole pool ends: requests in hand finish within the control timeout, or (at_once) are cut. */
void pool_stop(struct pool *p, bool at_once);

/* The log file (env->log_fd) is another one: zygotes get it for the workers they fork from now on, and the workers that
 * have the old one end when they are between two requests, and are replaced. */
void pool_renew_log(struct pool *p);

/* True when no process of the pool is left. */
bool pool_is_gone(const struct pool *p);

/* True when a generation accepts, or sleeps, and no other one has workers, but for tries of what has failed: a reload
 * may begin. */
bool pool_is_settled(const struct pool *p);

/* When the last of what is ending will have been cut, or 0 when nothing is ending. */
usec_t pool_drain_deadline(const struct pool *p);

/* True when the pid is a process this pool waits for. */
bool pool_owns(const struct pool *p, pid_t pid);
