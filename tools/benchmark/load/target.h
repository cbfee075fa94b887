/* SPDX-License-Identifier: MIT */
#pragma once
/* Where load may go. */

#include "base/addr.h"

/* An address as `listen` writes it. 0; -EPERM: it is neither a unix socket nor of this machine alone (127.0.0.0/8,
 * ::1), which is refused; what addr_parse() says. */
int load_target_parse(const char *s, struct addr *ret);
