/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading a scoreboard that others write and that PHP code may have scribbled over: consistent copies, with every text
 * terminated, every enum in range and no negative pid. Trusts nothing in the mapping but its size, which is sealed.
 */

#include <stdbool.h>

#include "scoreboard/layout.h"
#include "scoreboard/stages.h"

/* Copies slot i (below SCOREBOARD_SLOTS). True when the copy is consistent; false when its writer did not hold still
 * (it was killed half-way, or writes garbage): the copy is then safe to print but may mix two updates. */
bool scoreboard_read_slot(const struct scoreboard *s, uint32_t i, struct scoreboard_slot *ret);

/* The same with a few tries and no pause: writers that never hold still cannot slow down the reader. */
bool scoreboard_read_slot_at_once(const struct scoreboard *s, uint32_t i, struct scoreboard_slot *ret);

/* Copies the header; n_used is at most SCOREBOARD_SLOTS in the copy. Same result. A reader that walks the slots stops
 * at n_used: looking at a page that nobody wrote yet makes the kernel give it memory. */
bool scoreboard_read_header(const struct scoreboard *s, struct scoreboard_header *ret);
bool scoreboard_read_header_at_once(const struct scoreboard *s, struct scoreboard_header *ret);
