/* SPDX-License-Identifier: MIT */
#pragma once
/* Addresses as web servers and pools write them: a path, a port, host:port. No name but localhost is looked up. */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* False: it is a path, or a host by a name. */
bool doctor_address_take_tcp(const char *s, struct addr *ret);

/* What a server sends to the one reaches a listener of the other. */
bool doctor_address_is_same(const char *listener, const char *target);

/* A path, or an address of this machine's loopback: so that it can be said that nobody listens there. */
bool doctor_address_is_here(const char *s);

/* In a path /run for /var/run, which is a link to it. */
const char *doctor_address_skip_var(const char *path);

uint16_t doctor_address_port(const struct addr *a);
bool doctor_address_reaches(const struct addr *listener, const struct addr *target);
