/* SPDX-License-Identifier: MIT */
#pragma once
/* Allocations counted and made to fail; for tests linked with --wrap for malloc, calloc and realloc. */

#include <stddef.h>
#include <stdlib.h>

#include "base/macros.h"

static unsigned alloc_count; /* allocations since it was last set to 0 */
static unsigned alloc_fail;  /* the allocation with that number fails; 0: none */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n) {
        return ++alloc_count == alloc_fail ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
        return ++alloc_count == alloc_fail ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
        return ++alloc_count == alloc_fail ? NULL : __real_realloc(p, n);
}

static inline void alloc_fail_at(unsigned number) {
        alloc_count = 0;
        alloc_fail = number;
}
