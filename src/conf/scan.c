/* SPDX-License-Identifier: MIT */
/*
 * The pieces of a value, as PHP's ini scanner was found to see them: blanks around double quotes vanish, blanks
 * elsewhere inside a value stay; "..." knows \" \\ \$ and ${NAME}, '...' knows nothing; a bare $ that begins no ${NAME}
 * is a $, and the byte behind it stands for itself. Of PHP's constants only the E_ ones are known: there is no PHP in
 * this process.
 */

#include "conf/scan.h"
#include "conf/boolean.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

char *conf_scan_no_environment(_unused_ const char *name) {
        return NULL;
}

int conf_scan_refuse(struct conf_scan *s, const char *reason) {
        s->reason = reason;
        return CONF_SCAN_E_SYNTAX;
}

char conf_scan_peek(const struct conf_scan *s) {
        return s->p < s->end ? *s->p : '\0'; /* no line has a NUL in it: conf_ini_parse() has looked */
}

bool conf_scan_is_blank(char c) {
        return c == ' ' || c == '\t';
}

const char *conf_scan_skip_blanks(struct conf_scan *s) {
        const char *start = s->p;

        while (conf_scan_is_blank(conf_scan_peek(s)))
                s->p++;
        return start;
}

bool conf_scan_at_end(const struct conf_scan *s) {
        return s->p == s->end || *s->p == ';';
}

/* E_ALL lost E_STRICT's bit in PHP 8.4. */
static int64_t scan_level_all(void) {
        bool old = FPMD_PHP_VERSION[0] == '8' && FPMD_PHP_VERSION[2] < '4' && FPMD_PHP_VERSION[3] == '.';

        return old ? 32767 : 30719;
}

/* The value of an E_ constant; -1: no such constant. */
int64_t conf_scan_constant(const char *word, size_t n) {
        static const struct {
                const char *name;
                int64_t value;
        } constants[] = {
                { "E_ERROR", 1 },
                { "E_WARNING", 2 },
                { "E_PARSE", 4 },
                { "E_NOTICE", 8 },
                { "E_CORE_ERROR", 16 },
                { "E_CORE_WARNING", 32 },
                { "E_COMPILE_ERROR", 64 },
                { "E_COMPILE_WARNING", 128 },
                { "E_USER_ERROR", 256 },
                { "E_USER_WARNING", 512 },
                { "E_USER_NOTICE", 1024 },
                { "E_STRICT", 2048 },
                { "E_DEPRECATED", 8192 },
                { "E_USER_DEPRECATED", 16384 },
                { "E_RECOVERABLE_ERROR", 4096 },
        };

        for (size_t i = 0; i < ELEMENTSOF(constants); i++)
                if (strlen(constants[i].name) == n && memcmp(constants[i].name, word, n) == 0)
                        return constants[i].value;
        return n == 5 && memcmp(word, "E_ALL", 5) == 0 ? scan_level_all() : -1;
}

/* ${NAME} or, as PHP 8.3 has it, ${NAME:-default}; s->p is behind the brace. */
static int scan_read_variable(struct conf_scan *s, struct text *out) {
        const char *name = s->p, *close = memchr(name, '}', (size_t)(s->end - name)), *name_end, *fallback, *value;
        _cleanup_free_ char *copy = NULL;

        if (!close)
                return conf_scan_refuse(s, "the '}' of a ${NAME} is missing");
        fallback = memmem(name, (size_t)(close - name), ":-", 2);
        name_end = fallback ? fallback : close;
        s->p = close + 1;
        while (name < name_end && conf_scan_is_blank(*name))
                name++;
        while (name_end > name && conf_scan_is_blank(name_end[-1]))
                name_end--;
        if (name == name_end || memchr(name, ';', (size_t)(name_end - name)))
                return conf_scan_refuse(s, "no environment variable can have the name in ${NAME}");
        copy = strndup(name, (size_t)(name_end - name));
        if (!copy)
                return -ENOMEM;
        value = s->lookup(copy);
        if (value)
                text_append(out, value);
        else if (fallback)
                text_append_n(out, fallback + 2, (size_t)(close - fallback - 2));
        if (!value && !fallback)
                s->varies = CONF_VARIES_NOTHING;
        else if (!value && s->varies == CONF_VARIES_NOT)
                s->varies = CONF_VARIES_DEFAULT;
        return 0;
}

/* "..."; s->p is behind the opening quote. */
static int scan_read_double(struct conf_scan *s, struct text *out) {
        while (s->p < s->end && *s->p != '"') {
                if (s->end - s->p >= 2 && s->p[0] == '$' && s->p[1] == '{') {
                        int r;

                        s->p += 2;
                        r = scan_read_variable(s, out);
                        if (r != 0)
                                return r;
                        continue;
                }
                if (s->end - s->p >= 2 && s->p[0] == '\\' && strchr("\"\\$", s->p[1]))
                        s->p++;
                text_append_c(out, *s->p++);
        }
        if (s->p == s->end)
                return conf_scan_refuse(s, "a '\"' is not closed on its line");
        s->p++;
        return 0;
}

/* '...', without escapes; s->p is behind the opening quote. */
static int scan_read_single(struct conf_scan *s, struct text *out) {
        const char *close = memchr(s->p, '\'', (size_t)(s->end - s->p));

        if (!close)
                return conf_scan_refuse(s, "a ' is not closed on its line");
        text_append_n(out, s->p, (size_t)(close - s->p));
        s->p = close + 1;
        return 0;
}

/* The text is kept as memory, so it must be terminated again. */
void conf_scan_truncate(struct text *t, size_t n) {
        t->n = n;
        if (t->data)
                t->data[n] = '\0';
}

static bool scan_starts_variable(const struct conf_scan *s) {
        return s->end - s->p >= 2 && s->p[0] == '$' && s->p[1] == '{';
}

/* The quoted text or ${NAME} that scan_at_special() has seen. */
static int scan_read_special(struct conf_scan *s, struct text *out) {
        switch (conf_scan_peek(s)) {
        case '"':
                s->p++;
                return scan_read_double(s, out);
        case '\'':
                s->p++;
                return scan_read_single(s, out);
        default:
                s->p += 2;
                return scan_read_variable(s, out);
        }
}

static bool scan_at_special(const struct conf_scan *s) {
        return conf_scan_peek(s) == '"' || conf_scan_peek(s) == '\'' || scan_starts_variable(s);
}

/* What stands between [ and ]; blanks at its ends do not count. s->p is behind the [. */
int conf_scan_bracket(struct conf_scan *s, struct text *out) {
        size_t n_kept = 0;
        int r;

        conf_scan_skip_blanks(s);
        while (!conf_scan_at_end(s) && *s->p != ']') {
                if (scan_at_special(s)) {
                        r = scan_read_special(s, out);
                        if (r != 0)
                                return r;
                        n_kept = out->n;
                        continue;
                }
                text_append_c(out, *s->p);
                if (!conf_scan_is_blank(*s->p++))
                        n_kept = out->n;
        }
        if (conf_scan_peek(s) != ']')
                return conf_scan_refuse(s, "the ']' is missing");
        s->p++;
        if (!out->failed)
                conf_scan_truncate(out, n_kept);
        return 0;
}

/* A $ that begins no ${NAME} takes the byte behind it along, or a backslash and the byte behind that. */
static size_t scan_bare_length(const struct conf_scan *s) {
        size_t n = (size_t)(s->end - s->p);

        if (*s->p != '$')
                return 1;
        return MIN(n, n > 1 && s->p[1] == '\\' ? (size_t)3 : (size_t)2);
}

/* A run of bare bytes. */
static int scan_read_bare(struct conf_scan *s, struct text *out) {
        const char *start = s->p;
        int64_t constant;
        size_t n;

        while (!conf_scan_at_end(s) && !conf_scan_is_blank(*s->p) && !scan_at_special(s) && !strchr("&|^~()!=", *s->p))
                s->p += scan_bare_length(s);
        n = (size_t)(s->p - start);
        if (conf_boolean_word(start, n))
                return conf_scan_refuse(
                        s, "a word such as on, off, yes, no, none inside a longer value needs quotes around the value");
        constant = conf_scan_constant(start, n);
        if (constant >= 0)
                text_printf(out, "%" PRId64, constant);
        else
                text_append_n(out, start, n);
        return 0;
}

/* Text up to an operator or the value's end. Blanks are kept between bare and '...' parts only. */
int conf_scan_operand(struct conf_scan *s, struct text *out) {
        bool any = false, after_double = false;
        int r;

        for (;;) {
                const char *blanks = conf_scan_skip_blanks(s);
                char c = conf_scan_peek(s);

                if (conf_scan_at_end(s) || strchr("&|^~()!=", c))
                        break;
                if (any && !after_double && c != '"')
                        text_append_n(out, blanks, (size_t)(s->p - blanks));
                r = scan_at_special(s) ? scan_read_special(s, out) : scan_read_bare(s, out);
                if (r != 0)
                        return r;
                any = true;
                after_double = c == '"';
        }
        return any ? 0 : conf_scan_refuse(s, "a value cannot have & | ^ ~ ! = ( ) there: put it in quotes");
}
