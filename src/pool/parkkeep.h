/* SPDX-License-Identifier: MIT */
#pragma once
/* Idle connections that a park gives the master when the pool stops, so that they outlive it (park/keeping.h). */

#include <stdbool.h>

#include "pool/picture.h"

/* There may be hundreds; the master looks at all else in between. */
#define PARKKEEP_AT_ONCE 64U

/* Before it is told to finish: it may give as many as p->parks.n_keep. */
void parkkeep_ask(struct park_process *k);

/* It gives one, or what may be anything: fd, which is taken. False: it has given more than it may. */
bool parkkeep_take(struct park_process *k, int fd);

/* It has ended: what has become of them. */
void parkkeep_tell(const struct park_process *k);
