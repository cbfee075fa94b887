/* SPDX-License-Identifier: MIT */
#pragma once
/* emergency_restart_threshold and emergency_restart_interval: so many crashes of workers within the interval. A pure
 * decision with a memory. */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* The most that is remembered; a higher threshold acts as this one. */
#define CRASHES_MAX 1024U

struct crashes {
        usec_t times[CRASHES_MAX]; /* a ring */
        uint64_t n;                /* since the start, or since the threshold was last reached */
};

/* One more crash. True when it makes threshold of them within the interval; counting begins anew then. A threshold or
 * an interval of 0 is never reached. */
bool crashes_add(struct crashes *c, unsigned threshold, usec_t interval, usec_t now);
