/* SPDX-License-Identifier: MIT */
/* See weight.h. */

#include "pool/weight.h"

#include "base/macros.h"

/* With a wait of so long a pool gets half of what its idle workers say, with twice that a third. */
#define WEIGHT_WAIT (100 * USEC_PER_MSEC)

unsigned weight_percent(unsigned n_free, unsigned n_max, usec_t wait) {
        uint64_t share = n_max > 0 ? (uint64_t)MIN(n_free, n_max) * 100 / n_max : 0;

        wait = MIN(wait, 3600 * USEC_PER_SEC);
        return (unsigned)MAX(share * WEIGHT_WAIT / (WEIGHT_WAIT + wait), (uint64_t)1);
}

unsigned weight_smooth(unsigned told, unsigned now) {
        return (told + now + (now > told)) / 2; /* rounded towards what is, so that it gets there */
}
