/* SPDX-License-Identifier: MIT */
/*
 * php-fpm reads its files line by line with PHP's ini scanner; what that makes of a line was found by asking it, and is
 * repeated here and in scan.c. Where the scanner guesses, this one refuses and says what to write instead: a quote that
 * is never closed (it drops the rest of the line), text behind a section's ']'.
 */

#include "conf/ini.h"

#include <errno.h>
#include <string.h>

#include "conf/boolean.h"
#include "conf/expression.h"
#include "conf/scan.h"

/* What stands behind the '='. */
static int ini_read_value(struct conf_scan *s, struct text *out) {
        const char *start, *word;
        struct conf_scan after;

        conf_scan_skip_blanks(s);
        if (conf_scan_at_end(s))
                return 0;
        start = s->p;
        after = *s;
        while (!conf_scan_at_end(&after) && !conf_scan_is_blank(*after.p))
                after.p++;
        word = conf_boolean_word(start, (size_t)(after.p - start));
        conf_scan_skip_blanks(&after);
        if (word && conf_scan_at_end(&after)) {
                text_append(out, word);
                return 0;
        }
        return conf_expression_read(s, out);
}

static int ini_read_section(struct conf_scan *s, struct conf_ini_line *line) {
        _cleanup_text_ struct text name = {};
        int r;

        s->p++;
        r = conf_scan_bracket(s, &name);
        if (r != 0)
                return r;
        conf_scan_skip_blanks(s);
        if (!conf_scan_at_end(s))
                return conf_scan_refuse(s, "text after the ']'");
        line->kind = CONF_INI_SECTION;
        return text_finish(&name, &line->name, NULL);
}

static int ini_read_name(struct conf_scan *s, struct conf_ini_line *line) {
        const char *start = s->p, *name_end;

        while (!conf_scan_at_end(s) && !strchr("=[&|^$~(){}!\"", *s->p))
                s->p++;
        for (name_end = s->p; name_end > start && conf_scan_is_blank(name_end[-1]); name_end--)
                ;
        if (name_end == start)
                return conf_scan_refuse(s, "a directive's name is missing");
        line->kind = CONF_INI_ENTRY;
        line->name = strndup(start, (size_t)(name_end - start));
        return line->name ? 0 : -ENOMEM;
}

static int ini_read_key(struct conf_scan *s, struct conf_ini_line *line) {
        _cleanup_text_ struct text key = {};
        int r;

        s->p++;
        r = conf_scan_bracket(s, &key);
        if (r != 0)
                return r;
        conf_scan_skip_blanks(s);
        return text_finish(&key, &line->key, NULL);
}

static int ini_read_entry(struct conf_scan *s, struct conf_ini_line *line) {
        _cleanup_text_ struct text value = {};
        int r;

        if (conf_scan_peek(s) == '#')
                return conf_scan_refuse(s, "a comment starts with ';', not with '#'");
        r = ini_read_name(s, line);
        if (r == 0 && conf_scan_peek(s) == '[')
                r = ini_read_key(s, line);
        if (r != 0)
                return r;
        if (conf_scan_peek(s) != '=')
                return conf_scan_refuse(s, "not of the form NAME = VALUE");
        s->p++;
        r = ini_read_value(s, &value);
        if (r != 0)
                return r;
        return text_finish(&value, &line->value, NULL);
}

void conf_ini_line_done(struct conf_ini_line *line) {
        free(line->name);
        free(line->key);
        free(line->value);
        *line = (struct conf_ini_line){};
}

int conf_ini_parse(const char *s, size_t n, conf_scan_lookup lookup, struct conf_ini_line *ret,
                   const char **ret_reason) {
        _cleanup_ini_line_ struct conf_ini_line line = {};
        struct conf_scan scan = { .p = s, .end = s + n, .lookup = lookup };
        int r = 0;

        if (memchr(s, '\0', n))
                r = conf_scan_refuse(&scan, "a NUL byte");
        else {
                conf_scan_skip_blanks(&scan);
                if (conf_scan_peek(&scan) == '[')
                        r = ini_read_section(&scan, &line);
                else if (!conf_scan_at_end(&scan))
                        r = ini_read_entry(&scan, &line);
        }
        if (r > 0)
                *ret_reason = scan.reason;
        if (r != 0)
                return r;
        line.varies = scan.varies;
        *ret = line;
        line = (struct conf_ini_line){};
        return 0;
}

bool conf_ini_next(const char **data, size_t *n, const char **ret_line, size_t *ret_n) {
        const char *p = *data;
        size_t i = 0;

        if (*n == 0)
                return false;
        while (i < *n && p[i] != '\n' && p[i] != '\r')
                i++;
        *ret_line = p;
        *ret_n = i;
        if (i < *n)
                i += p[i] == '\r' && i + 1 < *n && p[i + 1] == '\n' ? 2 : 1;
        *data += i;
        *n -= i;
        return true;
}

static bool ini_is_plain(const char *value) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+-";
        size_t n = strlen(value);

        return n > 0 && strspn(value, plain) == n && !conf_boolean_word(value, n) && conf_scan_constant(value, n) < 0;
}

void conf_ini_quote(const char *value, struct text *out) {
        if (ini_is_plain(value)) {
                text_append(out, value);
                return;
        }
        text_append_c(out, '"');
        for (; *value; value++) {
                if (strchr("\"\\$", *value))
                        text_append_c(out, '\\');
                text_append_c(out, *value);
        }
        text_append_c(out, '"');
}
