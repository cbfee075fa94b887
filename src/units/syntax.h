/* SPDX-License-Identifier: MIT */
#pragma once
/* Lines of unit files: systemd.syntax(7), and of command lines: systemd.service(5). */

#include <stdbool.h>

#include "base/text.h"

/* Whether a value can stand in a line and be read back as it is: UTF-8 without control characters, no blank at its
 * ends, no backslash at the last one, and not empty. */
bool syntax_fits(const char *value) _pure_;

/* Appends "NAME=VALUE", specifiers quoted. 0; SYNTAX_E_UNFIT: nothing is appended. */
enum { SYNTAX_E_UNFIT = 1 };
int syntax_put(const char *name, const char *value, struct text *out);

/* Appends a word of a command line, in quotes where it needs them; nothing in it is expanded. 0; SYNTAX_E_UNFIT. */
int syntax_put_word(const char *word, struct text *out);

/* Appends the lines as comments. Control characters are shown, not kept. */
void syntax_put_comment(const char *lines, struct text *out);
