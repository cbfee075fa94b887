/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A pool that is awake gets other settings in a reload of many, where memory has no room for a second generation of
 * each at the same time. In order:
 *
 *   1. renewal_prepare() keeps the settings. The pool goes on as it is.
 *   2. renewal_try(): PHP is started with them, without a worker, and ended when it is up. If it does not come up the
 *      settings have failed, and whoever reloads drops them. A zygote that dies meanwhile is replaced with the old
 *      ones.
 *   3. renewal_hold(): the reload has been taken. Whatever starts from now on has the new settings.
 *   4. renewal_begin(): the pool's turn has come. replace.c starts a successor, as for a zygote that has died, tries
 *      again when that fails, and puts it in charge: start_promote() forgets the renewal.
 *
 * The next reload may find it so that 4. has failed. Then it begins with 1. again: the settings before hold as long as
 * the next ones do not, and are tried again when those are dropped, but not beside their trial, unless the pool's
 * zygote dies.
 */

#include "pool/picture.h"
#include "pool/start.h"

/* Where no renewal is under way, or one that has failed. 0 or -errno. */
int renewal_prepare(struct pool *p, const struct start_settings *settings);

void renewal_try(struct pool *p);

/* After each change of a pool, by supervise.c: the end of a trial. */
void renewal_supervise(struct pool *p, usec_t now);

/* Between 1. and 3. */
bool renewal_is_tried(const struct pool *p);

/* The reload is refused. */
void renewal_drop(struct pool *p);

void renewal_hold(struct pool *p);
void renewal_begin(struct pool *p);

/* What is to hold: the settings that the pool renews itself to, also while that fails, else what it runs with. NULL:
 * neither. */
const struct generation *renewal_settings(const struct pool *p);

/* The pool has begun, and the successor has not started; it is tried again. */
bool renewal_has_failed(const struct pool *p);

/* When the last generation was told to end of which a process is left; 0: there is none. */
usec_t renewal_ends_since(const struct pool *p);
