/* SPDX-License-Identifier: MIT */
/* Jain, Chiu, Hawe: A quantitative measure of fairness and discrimination, 1984. Pure. */

#include "fairness.h"

double load_fairness_jain(const uint64_t *x, size_t n) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < n; i++) {
                sum += (double)x[i];
                squares += (double)x[i] * (double)x[i];
        }
        return squares > 0 ? sum * sum / ((double)n * squares) : 1.0;
}
