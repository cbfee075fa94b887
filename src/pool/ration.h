/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * So many at once, in the order in which they asked: pools that start PHP. Pure: no clock, no system call. A turn is
 * part of what it is for, and has its place here from ration_ask() to ration_give_back().
 */

#include <stdbool.h>
#include <stddef.h>

enum ration_state {
        RATION_NONE,
        RATION_WAITS,
        RATION_HAS, /* its turn has come */
};

struct ration_turn {
        struct ration_turn *prev, *next;
        enum ration_state state;
        void *owner; /* whose it is */
};

struct ration {
        unsigned limit;
        unsigned n;                       /* that have a turn */
        struct ration_turn *first, *last; /* that wait for one */
};

/* True when it has its turn. Else it waits for it, in line behind those that wait already. */
bool ration_ask(struct ration *r, struct ration_turn *turn);

/* Its turn is over, or it does not wait for one any more; or neither was so. */
void ration_give_back(struct ration *r, struct ration_turn *turn);

/* The one whose turn has come by that: it has it now. NULL: nobody's has. */
struct ration_turn *ration_next(struct ration *r);
