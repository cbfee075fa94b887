/* SPDX-License-Identifier: MIT */
#pragma once
/* What a reload has done, in words: for the log, for fpmctl, and for the status. */

#include "base/text.h"
#include "master/state.h"

/* Before the reload is taken: what is to be told about it beside, a line for each, in m->reload.remarks. */
void summary_collect(struct master *m);

/* When it is over, one line. */
void summary_write(const struct master *m, struct text *ret);

/* And those lines. */
void summary_write_remarks(const struct master *m, struct text *ret);
