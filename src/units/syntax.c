/* SPDX-License-Identifier: MIT */
/*
 * What stands in a pool's file is somebody's text; in a unit's file it must stay one value. So what a line would end,
 * continue or expand is quoted, or refused where nothing quotes it.
 */

#include "units/syntax.h"

#include <string.h>

#include "base/printable.h"
#include "base/utf8.h"

static bool syntax_is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool syntax_is_text(const char *s) {
        uint32_t point;
        size_t n;

        for (; *s; s += n) {
                n = utf8_decode(s, &point);
                if (n == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
                        return false;
        }
        return true;
}

bool syntax_fits(const char *value) {
        size_t n = strlen(value);

        return n > 0 && !syntax_is_blank(value[0]) && !syntax_is_blank(value[n - 1]) && value[n - 1] != '\\' &&
               syntax_is_text(value);
}

int syntax_put(const char *name, const char *value, struct text *out) {
        if (!syntax_fits(value))
                return SYNTAX_E_UNFIT;
        text_printf(out, "%s=", name);
        for (; *value; value++)
                text_append(out, *value == '%' ? "%%" : (char[]){ *value, '\0' });
        text_append_c(out, '\n');
        return 0;
}

int syntax_put_word(const char *word, struct text *out) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.,:=+@-";

        if (!*word || !syntax_is_text(word))
                return SYNTAX_E_UNFIT;
        if (!word[strspn(word, plain)]) {
                text_append(out, word);
                return 0;
        }
        text_append_c(out, '"');
        for (; *word; word++) {
                if (strchr("%$", *word))
                        text_append_c(out, *word);
                else if (strchr("\"\\", *word))
                        text_append_c(out, '\\');
                text_append_c(out, *word);
        }
        text_append_c(out, '"');
        return 0;
}

void syntax_put_comment(const char *lines, struct text *out) {
        while (*lines) {
                size_t n = strcspn(lines, "\n");

                text_append(out, "# ");
                printable_append(out, lines, n, PRINTABLE_TERMINAL);
                text_append_c(out, '\n');
                lines += n;
                lines += *lines == '\n';
        }
}
