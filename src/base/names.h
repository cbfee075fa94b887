/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which number goes by a name: places in a list of thousands, found without walking it. Names are borrowed, and stay as
 * they are for as long as they are in here. All zero is the empty one.
 */

#include <stdbool.h>
#include <stddef.h>

struct names {
        void *root;
        bool any_case; /* capital letters make no difference; set before the first name */
};

/* Adds a name, or gives one that is there another number; the text that was added first stays. 0 or -ENOMEM. */
int names_put(struct names *n, const char *name, size_t number);

/* False: no such name. */
bool names_find(const struct names *n, const char *name, size_t *ret);

/* Nothing happens where there is no such name. */
void names_remove(struct names *n, const char *name);

void names_done(struct names *n);
#define _cleanup_names_ _cleanup_(names_done)
