/* SPDX-License-Identifier: MIT */
#pragma once
/* What memory the pools may have, looked at once in a few seconds. */

#include "master/state.h"

/* At the start. 0 or -ENOMEM. */
int memory_attach(struct master *m);
void memory_detach(struct master *m);

/* Looks how much there is for pools of these settings with pm.max_children = auto; before they are started. */
void memory_look(struct master *m, const struct conf *conf);

/* Once a second: looks when it is time, and has the pools reckon anew. */
void memory_tick(struct master *m, usec_t now);
