/* SPDX-License-Identifier: MIT */
#pragma once
/* The start of the service. */

#include "master/state.h"

/* Opens what the configuration names, and starts the pools; the rest comes with events. 0; LISTEN_E_PROBLEM, told in
 * problems; -errno. */
int start_service(struct master *m, struct text *problems);
