/* SPDX-License-Identifier: MIT */
#pragma once
/* The command line's questions to PHP: version, modules, phpinfo(); does it take its settings? */

#include "base/text.h"
#include "conf/model.h"
#include "master/options.h"

/* Answers options->task on stdout. The exit status. */
int about_print(const struct options *options);

/* What PHP would not take of that configuration (phpcheck.h). 0 or -errno. */
int about_check(const struct options *options, const struct conf *conf, struct text *ret);
