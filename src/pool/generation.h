/* SPDX-License-Identifier: MIT */
#pragma once
/* One zygote and the workers that it has forked. How it begins: start.h. */

#include "pool/picture.h"

/* Its workers finish what they have in hand, and end. */
void generation_drain(struct generation *g, usec_t now);

/* Workers forked from now on have env->log_fd and a lifeline of their own; those there are end when they are between
 * two requests. 0 or -errno. */
int generation_renew(struct generation *g);

/* At once: SIGTERM to all, or SIGKILL after a drain step. */
void generation_end(struct generation *g);

/* It is not to go on: as generation_end(), but where workers may serve already they finish what they have in hand. */
void generation_give_up(struct generation *g, usec_t now);

/* A signal to its workers. */
void generation_signal(const struct generation *g, int sig);

/* It does not come up. */
void generation_fail(struct generation *g, const char *reason);

void generation_free(struct generation *g);

/* None of its processes is left. */
bool generation_is_gone(const struct generation *g);
