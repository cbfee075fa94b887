/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A reload that renews many pools that are awake. A second generation of each at the same time would double their
 * memory, so PHP is tried with the settings of all of them first, a few at a time, and ended again: what does not start
 * refuses the reload, as long as nothing has been touched. When it has been taken they are renewed, a window of them at
 * a time (window.h). Pools that listen elsewhere, are new, sleep or boot a script go as in any other reload.
 */

#include "base/text.h"
#include "master/plan.h"
#include "master/state.h"

/* Marks those of the plan that go in batches: master_pool.batched, and their number. */
void batches_choose(struct master *m, const struct plan *plan);

/* Starts PHP for the next ones that can be tried. After each change, until all pools are ready. */
void batches_try(struct master *m);

/* Begins to renew the next ones. After each change; true when it is over for all: they have been renewed, or a try has
 * failed. */
bool batches_renew(struct master *m);

/* How many of them have not been renewed, and a line for each. */
size_t batches_list_failed(const struct master *m, const char *prefix, struct text *ret);

/* How far it is, in words; nothing where no pool goes in batches. */
void batches_describe(const struct master *m, struct text *ret);

/* The reload is over, however it has ended. */
void batches_end(struct master *m);
