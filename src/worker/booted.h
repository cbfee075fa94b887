/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker of a pool with worker.script: its script boots, and then takes the requests that worker_next() serves. */

#include "sapi/sapi.h"
#include "worker/loop.h"
#include "worker/warmup.h"

/* From the boot to the end of the script. 0, -errno, or -ECANCELED: the script never became ready, and the setup has
 * been told why. */
int booted_run(struct worker *w);

/* In a fork of a process that has booted: one request. */
void booted_once(struct worker *w);

/* Why a script has ended before it took clients' requests, for a log; to be told to the master as well. */
#define BOOTED_REASON_MAX WARMUP_REASON_MAX
void booted_describe_failure(const struct conf_pool *pool, const struct sapi_boot_end *end, struct warmup *warmup,
                             char ret[static BOOTED_REASON_MAX]);
