/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line's questions: version, modules, phpinfo(). */

#include "master/options.h"

/* Answers options->task on stdout. The exit status. */
int about_print(const struct options *options);
