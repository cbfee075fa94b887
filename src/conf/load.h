/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From files to a checked model. Every problem found becomes one line of text with file, line and directive; a loader
 * that met one goes on, so that a config test names all it can.
 */

#include "base/text.h"
#include "conf/conf.h"
#include "conf/options.h"

/*
 * Reads path and all it includes, applies defaults, checks the rules across directives. 0 and *ret, the caller's.
 * CONF_E_INVALID: problems holds a "[FILE:LINE] what is wrong" line for each problem, where php-fpm has one after its
 * own, and the model is not returned. -errno: out of memory and the like. A file that is missing or unreadable is
 * CONF_E_INVALID too.
 */
enum { CONF_E_INVALID = 1 };
int conf_load(const char *path, const struct conf_options *options, struct conf **ret, struct text *problems);

/* For a file that conf_load() has refused: the model, where each line of it reads, whatever rules it breaks. It tells
 * where the file wants its log. 0 and *ret, the caller's; CONF_E_INVALID; -errno. */
int conf_load_unchecked(const char *path, const struct conf_options *options, struct conf **ret);

/* The same as conf_load() from n bytes in memory; path is the name that problems give them. An include there is a
 * problem. */
int conf_load_text(const char *path, const char *data, size_t n, const struct conf_options *options, struct conf **ret,
                   struct text *problems);
