/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests that take too long, and their end. */

#include "pool/picture.h"
#include "untrusted/zygote.h"

/* Sees to it that somebody looks in time. The earliest moment that matters is kept: call it whenever there may be a new
 * worker. */
void requests_arm(struct pool *p);

/* The zygote's answer to TRACE. */
void requests_on_traced(struct generation *g, const struct untrusted_fact *fact);
