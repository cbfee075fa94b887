/* SPDX-License-Identifier: MIT */
#pragma once
/* Values that follow from others, put in place before the rules are checked. */

#include <stdbool.h>

#include "conf/check.h"
#include "conf/options.h"

/*
 * Relative paths get their folder, pm.start_servers its default, and of settings given twice the void ones go, each
 * with a notice. A value that cannot be completed is appended to the problems. 0 or -ENOMEM.
 */
int conf_complete(const struct conf_check *k);

/* The folder that relative paths of a pool without a prefix of its own begin in, and those of include=. */
const char *conf_complete_prefix(const struct conf_options *options) _pure_;

/* A unix path of `listen` that does not begin with a slash; ports and host:port have none and are no paths. */
bool conf_complete_is_relative(const char *listen) _pure_;
