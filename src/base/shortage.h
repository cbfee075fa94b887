/* SPDX-License-Identifier: MIT */
#pragma once
/* Resources that the system has too little of: processes, descriptors, memory. Such a failure may be over in a moment,
 * and an operator can see to it. */

#include <stdbool.h>
#include <stddef.h>

/* Room for shortage_describe(). */
#define SHORTAGE_TEXT_MAX 256

/* True when r (-errno) is one. */
bool shortage_is(int r);

/* What r (-errno) says, and where a limit is the likely cause, which one it is, how high, and how it is raised. Returns
 * buf. */
const char *shortage_describe(int r, char buf[static SHORTAGE_TEXT_MAX]);
