/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master: one sd-event loop over signals, the control socket, the timers of sd_notify, and the pools. It runs no
 * PHP, is on the path of no request, and reads no client's bytes but on pm.status_listen (statuspage.c).
 */

#include "master/state.h"

/* Takes conf over, also when it fails. 0 or -errno. */
int master_new(const struct options *options, struct conf *conf, struct master **ret);
void master_free(struct master *m);
DEFINE_CLEANUP(struct master *, master_free)

/* Goes on to another state when the pools allow it. */
void master_advance(struct master *m);

/* The end, in good order, after what stop.h does; or (at_once) at once. */
void master_stop(struct master *m, bool at_once);

/* Whether that has begun, or what comes before it: a reload would be in vain. */
bool master_is_stopping(const struct master *m);

/* Asks for a reload of the named pools (names: one a line, or "" for all). It begins as soon as no other is under way.
 * ticket: of the client who waits for it, or 0. */
void master_reload(struct master *m, const char *names, uint64_t ticket);

/* The same for the pools whose settings are not those that they run with. */
void master_reload_changed(struct master *m);
