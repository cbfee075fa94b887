/* SPDX-License-Identifier: MIT */
#pragma once
/* What a pool tells of its size and of its workers' ends, in php-fpm's words: warnings, and at level debug what an
 * operator follows it by. */

#include <stdbool.h>

#include "pool/picture.h"
#include "pool/scale.h"

/* Of a decision: before it is acted on. */
void news_of_plan(struct generation *g, const struct scale_input *in, const struct scale_plan *plan);

/* So many workers beside the first ones have been asked for. */
void news_growing(struct generation *g, unsigned n);

/* One of them has started, which has been told. */
void news_of_growth(struct generation *g);

/* A worker is sent a signal, or told in another way what php-fpm has the signal for. */
void news_of_signal(const struct pool_worker *w, int sig);

/* All of a generation's, the youngest first. */
void news_of_drain(const struct generation *g);
