/* SPDX-License-Identifier: MIT */
#pragma once
/* How long the parks of a pool that stops have. */

#include "pool/picture.h"

/* Until when requests that they have may find a worker. */
usec_t cut_deadline(const struct pool *p);

/* Kills those that do not end in time. When to be called again. */
usec_t cut_parks(struct pool *p, usec_t now);
