/* SPDX-License-Identifier: MIT */
#pragma once
/* How evenly replies were shared out among connections. */

#include <stddef.h>
#include <stdint.h>

/* Jain's index: (sum x)^2 / (n * sum x^2). 1 when all got the same, 1/n when one got all. 1 also when there was nothing
 * to share. */
double load_fairness_jain(const uint64_t *x, size_t n);
