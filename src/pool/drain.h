/* SPDX-License-Identifier: MIT */
#pragma once
/* Generations that end. */

#include "pool/picture.h"

/* Ends what is overdue of a generation that drains. When it is to be called again. */
usec_t drain_generation(struct generation *g, usec_t now);
