/* SPDX-License-Identifier: MIT */
#pragma once
/* A zygote that has ended, or whose workers crash, gets a successor. */

#include "pool/picture.h"

/* A start has failed: the next try is to be later than this one was. reason is copied; NULL: memory ran out. */
void replace_note_failure(struct pool *p, const char *reason, usec_t now);

/* When the next try is due; 0: the last one has not failed. */
usec_t replace_due(const struct pool *p);

/* Starts a successor when one is due, and puts it in charge when it accepts. When to be asked again. */
usec_t replace_zygote(struct pool *p, usec_t now);
