/* SPDX-License-Identifier: MIT */
#pragma once
/* A reload, from its begin to the outcome. master.h asks for one. */

#include "master/state.h"

/* Begins the one that is asked for (wishes.h). */
void reload_begin(struct master *m);

/* Ends the one under way, when its generations accept or one has failed. */
void reload_advance(struct master *m);
