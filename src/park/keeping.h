/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Idle connections that outlive a stop: the master is given those between two requests, as many as it has room for in
 * the service manager's fd store, where the next master finds them. Others are closed, as their clients expect at any
 * time.
 *
 * Connections of unix sockets alone: of a TCP socket, the last one who closes it waits for as long as anybody of the
 * pool has set (SO_LINGER), and of what is in the store that is the service manager.
 */

#include "park/park.h"

/* How many the master takes, once the pool stops. */
void keeping_allow(struct park *park, unsigned n);

/* The pool stops, and the connection is between two requests: the master is given it, or it is closed. All of a state:
 * those that were used last come first, as their clients may use them again first. */
void keeping_part(struct park *park, struct connection *c);
void keeping_part_all(struct park *park, enum connection_state state);

/* The channel to the master may have room again, or has gone. */
void keeping_go_on(struct park *park);

/* The end: tells how many were closed that could have outlived it, and why. */
void keeping_tell(const struct park *park);
