/* SPDX-License-Identifier: MIT */
#pragma once
/* Which files an include= line means. */

#include <glob.h>

#include "base/text.h"

/*
 * The files of a pattern as glob(3) knows them, in order. A relative one begins in the prefix; where there is nothing
 * of the kind, beside the file that has the line. 0 and *ret, for globfree(3); CONF_INCLUDE_E_NOTHING; -errno when a
 * folder cannot be read. *pattern: what was looked for, as it would stand in a message.
 */
enum { CONF_INCLUDE_E_NOTHING = 1 };
int conf_include_find(const char *prefix, const char *file, const char *value, glob_t *ret, struct text *pattern);
