/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The most workers that were active at once, kept by themselves: a look once a second would miss what is shorter. A
 * worker sets its slot's bit when a request begins and clears it at the end, and who sets one counts those that are
 * set: of workers that set theirs at the same moment, the last one sees all. Bits and not a number, so that a worker
 * that is killed leaves nothing behind once its slot has been given to another one. No lock, no system call.
 */

#include <stdint.h>

#include "scoreboard/layout.h"

/* The worker of slot i has a request in hand. */
void active_enter(struct scoreboard *s, uint32_t i);

/* It has none, or has ended. */
void active_leave(struct scoreboard *s, uint32_t i);
