/* SPDX-License-Identifier: MIT */
#pragma once
/* How much of its share of requests a load balancer should give to a pool. Pure. */

#include "base/time.h"

/* In percent of the weight that is configured there, 1 to 100: the workers that are idle or may still be started, as a
 * share of pm.max_children; and the less the longer connections wait for one. Never 0, with which a load balancer sends
 * nothing at all: a pool that is busy is not down. */
unsigned weight_percent(unsigned n_free, unsigned n_max, usec_t wait);

/* What is told after that, of one look a second: a moment is not the rule. */
unsigned weight_smooth(unsigned told, unsigned now);
