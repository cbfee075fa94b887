/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests of worker.script that are examined for what they leave behind; struct sapi_boot's callbacks, for a struct
 * worker. */

#include <stdbool.h>
#include <stddef.h>

#include "sapi/sapi.h"

bool examine_wanted(void *ctx);
void examine_tell(void *ctx, const struct sapi_leak *leak);
void examine_end(void *ctx, size_t n_more);
