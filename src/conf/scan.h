/* SPDX-License-Identifier: MIT */
#pragma once
/* The bytes of one line and a place in it: blanks, quotes, ${NAME}, brackets, bare words. For ini.c and expression.c
 * alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* What a ${NAME} has done to a text, the worst of all that are in it. */
enum conf_varies {
        CONF_VARIES_NOT,
        CONF_VARIES_DEFAULT, /* the variable is not set, and the text of ${NAME:-text} stands for it */
        CONF_VARIES_NOTHING, /* nothing stands for it */
};

/* What ${NAME} stands for, as getenv(3). */
typedef char *(*conf_scan_lookup)(const char *name);

/* One for which no variable is set. */
char *conf_scan_no_environment(const char *name);

enum { CONF_SCAN_E_SYNTAX = 1 };

/* No byte of it is a NUL. */
struct conf_scan {
        const char *p;
        const char *end;
        conf_scan_lookup lookup;
        const char *reason; /* with CONF_SCAN_E_SYNTAX */
        enum conf_varies varies;
};

/* Keeps the reason, a constant text. CONF_SCAN_E_SYNTAX. */
int conf_scan_refuse(struct conf_scan *s, const char *reason);

/* The byte at hand; NUL at the line's end. */
char conf_scan_peek(const struct conf_scan *s);

/* At the line's end, or at a comment. */
bool conf_scan_at_end(const struct conf_scan *s);

/* Returns where the blanks began. */
const char *conf_scan_skip_blanks(struct conf_scan *s);
bool conf_scan_is_blank(char c);

/* The value of an E_ constant; -1: no such constant. */
int64_t conf_scan_constant(const char *word, size_t n);

/* What stands between [ and ], with s->p behind the [; blanks at its ends do not count. 0; CONF_SCAN_E_SYNTAX; -ENOMEM.
 */
int conf_scan_bracket(struct conf_scan *s, struct text *out);

/* The text up to an operator or the value's end. Same outcomes. */
int conf_scan_operand(struct conf_scan *s, struct text *out);

/* Cuts a text that goes on being read as a string. */
void conf_scan_truncate(struct text *t, size_t n);
