/* SPDX-License-Identifier: MIT */
#pragma once
/* The lines of problems and notices (conf/load.h), taken apart for a log. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "log/log.h"

/* The next line: "ALERT: ", "WARNING: " or "NOTICE: " at its head is taken off into *level, which is left alone where
 * there is none. False: no more. */
bool conf_lines_next(const char **lines, enum log_level *level, const char **ret, size_t *ret_n);

/* The line has its level in front. */
bool conf_lines_has_level(const char *line) _pure_;

/* The line begins with a file and a line of it. */
bool conf_lines_is_place(const char *line) _pure_;

/* The line is in words of ours: php-fpm has none for it. */
bool conf_lines_is_ours(const char *line) _pure_;

/* The line says what a mistake has led to, behind all lines that tell of mistakes. */
bool conf_lines_is_outcome(const char *line) _pure_;
