/* SPDX-License-Identifier: MIT */
#pragma once
/* What fpmctl leaks has found, out of memory that the pool writes: each thing once, and no more of them than anybody
 * reads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "scoreboard/layout.h"

/* Names that are kept. A pool that makes them up could fill the memory of whoever looks. */
#define LEAKLIST_MAX 1000U

struct leaklist_item {
        struct scoreboard_leak last;
        uint64_t n; /* how often it was met */
};

/* All zero is an empty one. */
struct leaklist {
        struct leaklist_item *items;
        size_t n;
        uint64_t lost; /* overwritten before they were read, or one name too many */
        bool failed;   /* memory was out */
};

/* Adds what has come since number *next, which is counted on. */
void leaklist_read(struct leaklist *list, const struct scoreboard *s, uint64_t *next);

void leaklist_done(struct leaklist *list);
#define _cleanup_leaklist_ _cleanup_(leaklist_done)
