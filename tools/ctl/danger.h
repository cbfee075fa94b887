/* SPDX-License-Identifier: MIT */
#pragma once
/* Settings that are no mistake, and that give more away than their author may know. */

#include <stdbool.h>

#include "base/text.h"
#include "conf/model.h"

/* True for an address that is TCP and not this host's loopback. Host names are not resolved: "localhost" is loopback,
 * others are not. */
bool danger_is_open_tcp(const char *listen);

/* One "[FILE:LINE] warning: ..." line for each. Pure but for the user database. */
void danger_list(const struct conf *conf, struct text *out);
