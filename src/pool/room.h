/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * For how many more workers the master has descriptors: each takes a pidfd, and with catch_workers_output two pipes.
 * Asking for more than that would lose their zygote's messages, and with them the zygote.
 */

#include "conf/model.h"
#include "pool/picture.h"

/* What each takes. */
unsigned room_of_worker(const struct conf_pool *conf);

/* For so many of this generation, of those that are wanted. */
unsigned room_for_workers(const struct generation *g, unsigned wanted);

/* Told once, until there is room again: there is none for wanted more. */
void room_tell(struct generation *g, unsigned wanted, unsigned room);

/* Descriptors that the master takes with all workers of these pools, over those it has open now. */
unsigned room_needed(const struct conf *conf);
