/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Text that somebody else made up, on its way to people: clients' URIs, scripts' messages, names from shared memory.
 * Control characters are written as \n, \r and \xNN, so that text stays on its line and no terminal obeys it: those of
 * ASCII, DEL, and U+0080..U+009F. A backslash is not doubled: PHP's class names are full of them, and the result is for
 * people.
 */

#include "base/text.h"

enum printable {
        PRINTABLE_TERMINAL, /* a tab, and bytes that are no UTF-8, are written as \xNN too: they could be such controls
                               in one byte */
        PRINTABLE_LOG,      /* both stay: a log holds its site's encoding, and -tt indents with tabs */
};

/* Appends n bytes of s, or those in front of the first NUL. Out of memory shows in out->failed. */
void printable_append(struct text *out, const char *s, size_t n, enum printable where);
