/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a pool is, for those who ask whether to send it requests: the pages /ready and /live, agent-check, fpmctl, the
 * service's status, the watchdog. A pool whose workers are all busy is ready: its clients wait, and are served.
 */

#include "base/text.h"
#include "pool/picture.h"

/* Connections wait that long beside idle workers, or without any, and none is taken: the pool is stuck. The watchdog
 * may ask for less (pool_env.patience). */
#define HEALTH_PATIENCE (10 * USEC_PER_SEC)

/* clang-format off */
/*   symbol     name          does it want requests? */
#define HEALTH_STATES(X)                                                                                               \
        X(READY,    "ready",    true)                                                                                  \
        X(STARTING, "starting", false)                                                                                 \
        X(FAILING,  "failing",  false)                                                                                 \
        X(STUCK,    "stuck",    false)                                                                                 \
        X(DRAINING, "draining", false)                                                                                 \
        X(STOPPING, "stopping", false)
/* clang-format on */

#define X(symbol, name, ready) HEALTH_##symbol,
enum health_state { HEALTH_STATES(X) };
#undef X

/* Once a second, after sample_pool(). A pool that has got stuck is renewed, once; ends of its old workers are as with
 * a reload. */
void health_look(struct pool *p, usec_t now);

/* Load balancers are told to send it nothing, or that it is over. Told once, in the log too. */
void health_set_drained(struct pool *p, bool drained);

enum health_state health_state(const struct pool *p);
bool health_is_ready(enum health_state state);

/* Its name. */
const char *health_name(enum health_state state);

/* One line: the state, and why. */
void health_describe(const struct pool *p, struct text *out);

/* It has been stuck for that long: renewing it has not helped. */
bool health_is_hopeless(const struct pool *p);

/* weight_percent(), of the last seconds. */
unsigned health_weight(const struct pool *p);
