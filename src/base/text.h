/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A growing text: append, and look once at the end whether memory ran out. After a failed append the text stays in the
 * failed state, further appends do nothing, and text_finish() says -ENOMEM; so a renderer checks in one place.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

struct text {
        char *data; /* NUL-terminated once anything was appended */
        size_t n;   /* bytes without the NUL */
        size_t size;
        bool failed;
};

void text_done(struct text *t);
#define _cleanup_text_ _cleanup_(text_done)

void text_append_n(struct text *t, const void *data, size_t n);
void text_append(struct text *t, const char *s);
void text_append_c(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) _printf_(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list ap) _printf_(2, 0);

/* Takes everything behind the first n bytes away. */
void text_cut(struct text *t, size_t n);

/* Moves the text out: a NUL-terminated string (never NULL) that the caller frees. 0 or -ENOMEM. */
int text_finish(struct text *t, char **ret, size_t *ret_n);

/* The text so far, "" when nothing was appended. Valid until the next append. */
const char *text_peek(const struct text *t);

/* a equals b; both may be NULL, and NULL equals only NULL. */
bool text_equal(const char *a, const char *b) _pure_;
bool text_has_prefix(const char *s, const char *prefix) _pure_;
bool text_has_suffix(const char *s, const char *suffix) _pure_;

/* The next word of a list whose words have any of the separators between them, *list moved behind it; NULL: no more. */
const char *text_word(const char **list, const char *separators, size_t *ret_n);

/* Appends each of the lines with before in front of it, but those that are there so already. */
void text_append_lines_once(struct text *t, const char *before, const char *lines);

/* In a text of lines "KEY: VALUE" or "KEY VALUE", as files of /proc and of control groups are: what is behind the first
 * such key, blanks included, up to the text's end; NULL: no line begins with it. */
const char *text_behind_key(const char *text, const char *key) _pure_;

/* Copies at most n - 1 bytes of s and always terminates (n = 0: nothing is written); for fixed fields of shared memory.
 * Returns bytes copied. */
size_t text_copy(char *dst, size_t n, const char *s, size_t n_s);
