/* SPDX-License-Identifier: MIT */
#pragma once
/* Additions to <stdatomic.h>. */

#include <stdatomic.h>
#include <stdint.h>

/* Makes it at least so much. */
static inline void atomic_raise(_Atomic(uint32_t) *at, uint32_t least) {
        uint32_t n = atomic_load(at);

        while (n < least && !atomic_compare_exchange_weak(at, &n, least))
                ;
}
