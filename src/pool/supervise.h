/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool over time. */

#include "pool/picture.h"

/* Brings the pool to where it should be: spawns, retries, ends what is overdue. Idempotent; arms its own timer. */
void supervise_pool(struct pool *p);
