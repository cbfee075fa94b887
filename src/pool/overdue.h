/* SPDX-License-Identifier: MIT */
#pragma once
/* Zygotes that do not answer. Each says when it is to be called again. */

#include "pool/picture.h"

/* A generation that does not begin to accept fails. */
usec_t overdue_start(struct generation *g, usec_t now);

/* A zygote that is stopped or hangs is ended: nobody forks for its pool, and nobody waits for its workers. */
usec_t overdue_answer(struct generation *g, usec_t now);
