/* SPDX-License-Identifier: MIT */
#pragma once
/* A worker of a pool with worker.script: its script boots, and then takes the requests that worker_next() serves. */

#include "worker/loop.h"

/* From the boot to the end of the script. 0, -errno, or -ECANCELED: the script never became ready, and the setup has
 * been told why. */
int booted_run(struct worker *w);
