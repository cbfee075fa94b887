/* SPDX-License-Identifier: MIT */
#pragma once
/* What pm.status_listen says of a pool's health: to probes at /live and /ready, and to HAProxy's agent-check. */

#include "pool/pool.h"
#include "status/page.h"

/* Appends a CGI reply, 200 or 503 with the reason, when the request is for /live or /ready, else returns false. Of page
 * only the request's parameters count. */
bool healthpage_answer(const struct pool *p, const struct status_page *page, struct text *ret);

/* Appends the line that an agent says: the weight, drain, or down with the reason. */
void healthpage_agent(const struct pool *p, struct text *ret);
