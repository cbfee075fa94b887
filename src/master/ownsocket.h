/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The socket of a pool's own unit, fpmd@NAME.socket. systemd makes it of the pool's file, and only when that unit
 * starts: a change of listen, or of who may connect, acts after a daemon-reload and a restart of the unit. This process
 * cannot make the socket in its place, so it says what to do.
 */

#include <stdbool.h>

#include "base/text.h"
#include "conf/model.h"
#include "master/listenset.h"

/* This process is the service of the pool's own unit, as its runtime folder says. */
bool ownsocket_is(const struct conf_pool *pool);

/* Appends what has systemd make the socket anew. */
void ownsocket_put_remedy(const struct conf_pool *pool, struct text *out);

/* Appends a line for what the settings want of a socket of the service manager's, and it has not got. Where
 * the socket is not that of the pool's own unit, another address is told when it has changed since the set was opened.
 */
void ownsocket_compare(const struct listen_set *s, const struct conf_pool *pool, struct text *out);
