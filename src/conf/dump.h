/* SPDX-License-Identifier: MIT */
#pragma once
/* A configuration told as text. */

#include "base/text.h"
#include "conf/model.h"

/* The dump of -tt: every effective value, one "\tkey = value" line each, sections first; ";key =" for what is unset.
 * Loaded as a file it gives an equal model, unless a value holds a line break (which only ${NAME} can bring in). In
 * php-fpm's style unset values are undefined, and nothing is quoted: that is for eyes and patterns, not for loading. */
enum conf_dump_style { CONF_DUMP_LOADABLE, CONF_DUMP_PHP_FPM };
void conf_dump(const struct conf *c, enum conf_dump_style style, struct text *out);

/* One "[FILE:LINE] directive 'NAME': accepted, and without effect" line for each setting that is there for php-fpm's
 * sake alone. */
void conf_dump_ignored(const struct conf *c, struct text *out);
