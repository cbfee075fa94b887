/* SPDX-License-Identifier: MIT */
#pragma once
/* What a pool's listen directives are in a socket unit. systemd.socket(5) */

#include <stdbool.h>

#include "base/addr.h"
#include "base/text.h"
#include "conf/model.h"

/* An address of TCP. Host names are not resolved: anything but a path and "systemd" is one. */
bool socketunit_is_tcp(const char *listen);

/* The address as ListenStream= has it, without asking anybody: localhost is 127.0.0.1. 0; SOCKETUNIT_E_NAME: it is
 * another host's name. */
enum { SOCKETUNIT_E_NAME = 1 };
int socketunit_address(const char *listen, char buf[static CONF_PATH_BYTES + 1]);

/* The same with names resolved, as they are at this moment; a name that nobody knows stays. */
void socketunit_resolve(const char *listen, char buf[static CONF_PATH_BYTES + 1]);

/*
 * Appends the lines of [Socket] for a pool that listens at that address, with n_shards accept queues if it is TCP.
 * An ACL, which a socket unit does not know, is set by setfacl(1) when the socket is made. 0; SOCKETUNIT_E_UNFIT:
 * *ret is the directive that a line of a unit cannot hold.
 */
enum { SOCKETUNIT_E_UNFIT = 2 };
int socketunit_put(const struct conf_pool *pool, const char *address, unsigned n_shards, struct text *out,
                   enum conf_pool_row *ret);
