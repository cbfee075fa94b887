/* SPDX-License-Identifier: MIT */
#pragma once
/* What the command line can ask: version, modules, phpinfo(). */

#include "master/options.h"

/* Answers options->task on stdout. The exit status. */
int about_print(const struct options *options);
