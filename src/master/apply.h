/* SPDX-License-Identifier: MIT */
#pragma once
/* A reload's plan is carried out in two halves. The first one can fail, and can be undone. */

#include "master/state.h"

/* Opens listeners and pages, and starts the generations, of m->reload.conf. 0; LISTEN_E_PROBLEM, told in problems;
 * -errno. Unless 0, apply_undo() comes next. */
int apply_begin(struct master *m, const struct plan *plan, struct text *problems);

/* Ends what has been started, and closes what has been opened. */
void apply_undo(struct master *m);

/* All new generations accept: they take the old ones' place. How many pools have been renewed; *ret_all: all that the
 * configuration has. */
size_t apply_commit(struct master *m, bool *ret_all);
