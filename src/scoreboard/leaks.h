/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The search for what requests of worker.script leave behind: the master says how many are to be examined, workers take
 * from that number, and put down what they find. Every worker may write all of it, so the master reads none, and who
 * does (fpmctl) trusts nothing but the size.
 */

#include <stdbool.h>

#include "scoreboard/layout.h"

/* From now on so many requests are to be examined. */
void leaks_want(struct scoreboard *s, uint32_t n);
/* True: this request is one of them. */
bool leaks_take(struct scoreboard *s);
/* seq is of no account. */
void leaks_put(struct scoreboard *s, const struct scoreboard_leak *leak);
void leaks_count_examined(struct scoreboard *s);

/* The leak of that number, of all there have ever been. False: it is not there any more, or its writer was killed. In
 * the copy texts are terminated, and kind is in range. */
bool leaks_read(const struct scoreboard *s, uint64_t number, struct scoreboard_leak *ret);
const char *leaks_heading(uint32_t kind);
