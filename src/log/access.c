/* SPDX-License-Identifier: MIT */
/*
 * A format is a list of items: a piece of literal text, or a code with what stood in its braces. THE table of codes
 * says which braces a code takes and which function shows it. What php-fpm writes for the same request is the
 * measure, with two exceptions: a line is not cut, and control characters are escaped.
 */

#include "log/access.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log/line.h"

#define ACCESS_TIME_MAX    4096U /* bytes of one %t; more is shown as nothing */
#define ACCESS_TIME_FORMAT "%d/%b/%Y:%H:%M:%S %z"

/* What the braces of a code may hold. */
enum access_braces { BRACES_NONE, BRACES_WORD, BRACES_TIME, BRACES_NAME };

enum access_unit {
        UNIT_SECONDS = 1,
        UNIT_MILLI,
        UNIT_MICRO,
        UNIT_BYTES,
        UNIT_KILO,
        UNIT_MEGA,
        UNIT_TOTAL,
        UNIT_USER,
        UNIT_SYSTEM
};

struct access_item {
        char code;  /* '\0': literal text */
        char *text; /* the literal, or what stood in braces */
        enum access_unit unit;
};

struct log_access_format {
        struct access_item *items;
        size_t n;
};

/* A line in the making. */
struct access_render {
        const struct access_item *item;
        const struct log_access_record *record;
        const char *looked_up; /* the next value */
        struct text *out;
};

static const struct access_word {
        char code;
        const char *word;
        enum access_unit unit;
} access_words[] = {
        { 'C', "total", UNIT_TOTAL },        { 'C', "user", UNIT_USER },   { 'C', "system", UNIT_SYSTEM },
        { 'd', "seconds", UNIT_SECONDS },    { 'd', "milli", UNIT_MILLI }, { 'd', "milliseconds", UNIT_MILLI },
        { 'd', "micro", UNIT_MICRO },        { 'd', "mili", UNIT_MILLI },  { 'd', "miliseconds", UNIT_MILLI },
        { 'd', "microseconds", UNIT_MICRO }, { 'M', "bytes", UNIT_BYTES }, { 'M', "kilo", UNIT_KILO },
        { 'M', "kilobytes", UNIT_KILO },     { 'M', "mega", UNIT_MEGA },   { 'M', "megabytes", UNIT_MEGA },
};

static void access_show_percent(const struct access_render *a) {
        text_append_c(a->out, '%');
}

static void access_show_cpu(const struct access_render *a) {
        const struct log_access_record *r = a->record;
        usec_t used =
                (a->item->unit == UNIT_SYSTEM ? 0 : r->user_cpu) + (a->item->unit == UNIT_USER ? 0 : r->system_cpu);

        text_printf(a->out, "%.2f", r->duration > 0 ? (double)used * 100.0 / (double)r->duration : 0.0);
}

static void access_show_duration(const struct access_render *a) {
        usec_t d = a->record->duration;

        if (a->item->unit == UNIT_MICRO)
                text_printf(a->out, "%" PRIu64, d);
        else
                text_printf(a->out, "%.3f", (double)d / (a->item->unit == UNIT_MILLI ? 1e3 : 1e6));
}

static void access_show_or_dash(struct text *out, const char *s) {
        text_append(out, s ? s : "-");
}

static void access_show_or_nothing(struct text *out, const char *s) {
        text_append(out, s ? s : "");
}

static void access_show_looked_up(const struct access_render *a) {
        access_show_or_dash(a->out, a->looked_up);
}

static void access_show_script(const struct access_render *a) {
        access_show_or_dash(a->out, a->record->script);
}

static void access_show_content_length(const struct access_render *a) {
        text_printf(a->out, "%" PRIu64, a->record->content_length);
}

static void access_show_method(const struct access_render *a) {
        access_show_or_dash(a->out, a->record->method);
}

static void access_show_memory(const struct access_render *a) {
        unsigned shift = a->item->unit == UNIT_KILO ? 10 : a->item->unit == UNIT_MEGA ? 20 : 0;

        text_printf(a->out, "%" PRIu64, a->record->memory >> shift);
}

static void access_show_pool(const struct access_render *a) {
        access_show_or_nothing(a->out, a->record->pool);
}

static void access_show_pid(const struct access_render *a) {
        text_printf(a->out, "%" PRId32, a->record->pid);
}

static void access_show_parent_pid(const struct access_render *a) {
        text_printf(a->out, "%" PRId32, a->record->parent_pid);
}

static void access_show_query(const struct access_render *a) {
        access_show_or_nothing(a->out, a->record->query);
}

static void access_show_query_mark(const struct access_render *a) {
        if (a->record->query && *a->record->query)
                text_append_c(a->out, '?');
}

static void access_show_uri(const struct access_render *a) {
        access_show_or_nothing(a->out, a->record->uri);
}

static void access_show_remote(const struct access_render *a) {
        access_show_or_dash(a->out, a->record->remote);
}

static void access_show_status(const struct access_render *a) {
        text_printf(a->out, "%" PRIu32, a->record->status);
}

static void access_show_time(const struct access_render *a, usec_t wall) {
        time_t t = (time_t)(wall / USEC_PER_SEC);
        char buf[ACCESS_TIME_MAX];
        struct tm tm = {};

        localtime_r(&t, &tm);
        /* the format is the configuration's */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        text_append_n(a->out, buf, strftime(buf, sizeof(buf), a->item->text ? a->item->text : ACCESS_TIME_FORMAT, &tm));
#pragma GCC diagnostic pop
}

static void access_show_begun(const struct access_render *a) {
        access_show_time(a, a->record->begun_wall);
}

static void access_show_ended(const struct access_render *a) {
        access_show_time(a, a->record->ended_wall);
}

static void access_show_user(const struct access_render *a) {
        access_show_or_nothing(a->out, a->record->user);
}

/* THE table of codes. */
static const struct access_code {
        char code;
        enum access_braces braces;
        void (*show)(const struct access_render *a);
        const char *allowed; /* WORD, NAME: for the reason of a refusal, which is in php-fpm's words */
} access_codes[] = {
        { '%', BRACES_NONE, access_show_percent, NULL },
        { 'C', BRACES_WORD, access_show_cpu, "'total', 'user' or 'system'" },
        { 'd', BRACES_WORD, access_show_duration, "'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds'" },
        { 'e', BRACES_NAME, access_show_looked_up, "environment variable" },
        { 'f', BRACES_NONE, access_show_script, NULL },
        { 'l', BRACES_NONE, access_show_content_length, NULL },
        { 'm', BRACES_NONE, access_show_method, NULL },
        { 'M', BRACES_WORD, access_show_memory, "'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes'" },
        { 'n', BRACES_NONE, access_show_pool, NULL },
        { 'o', BRACES_NAME, access_show_looked_up, "header" },
        { 'p', BRACES_NONE, access_show_pid, NULL },
        { 'P', BRACES_NONE, access_show_parent_pid, NULL },
        { 'q', BRACES_NONE, access_show_query, NULL },
        { 'Q', BRACES_NONE, access_show_query_mark, NULL },
        { 'r', BRACES_NONE, access_show_uri, NULL },
        { 'R', BRACES_NONE, access_show_remote, NULL },
        { 's', BRACES_NONE, access_show_status, NULL },
        { 't', BRACES_TIME, access_show_begun, NULL },
        { 'T', BRACES_TIME, access_show_ended, NULL },
        { 'u', BRACES_NONE, access_show_user, NULL },
};

static const struct access_code *access_find_code(char code) {
        for (size_t i = 0; i < ELEMENTSOF(access_codes); i++)
                if (access_codes[i].code == code)
                        return &access_codes[i];
        return NULL;
}

static enum access_unit access_find_unit(char code, const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(access_words); i++)
                if (access_words[i].code == code && strcasecmp(access_words[i].word, word) == 0)
                        return access_words[i].unit;
        return 0;
}

void log_access_format_free(struct log_access_format *f) {
        if (!f)
                return;
        for (size_t i = 0; i < f->n; i++)
                free(f->items[i].text);
        free(f->items);
        free(f);
}

/* The item's text is n bytes, of which the format gets a copy; none is NULL. */
static int access_add(struct log_access_format *f, const struct access_item *item, size_t n) {
        struct access_item *items = reallocarray(f->items, f->n + 1, sizeof(*items));
        char *copy = NULL;

        if (!items)
                return -ENOMEM;
        f->items = items;
        if (n > 0) {
                copy = strndup(item->text, n);
                if (!copy)
                        return -ENOMEM;
        }
        items[f->n++] = (struct access_item){ .code = item->code, .text = copy, .unit = item->unit };
        return 0;
}

/* Adds a code, with the n bytes that stood in its braces; none is as good as no braces. 0; LOG_ACCESS_E_INVALID;
 * -ENOMEM. */
static int access_add_code(struct log_access_format *f, const struct access_code *code, const char *braces, size_t n,
                           struct text *reason) {
        enum access_unit unit = 0;

        if (n > 0 && code->braces == BRACES_NONE) {
                text_printf(reason, "embrace is not allowed for modifier %%%c", code->code);
                return LOG_ACCESS_E_INVALID;
        }
        if (n == 0 && code->braces == BRACES_NAME) {
                text_printf(reason, "the name of the %s must be set between embraces for %%%c", code->allowed,
                            code->code);
                return LOG_ACCESS_E_INVALID;
        }
        if (n > 0 && code->braces == BRACES_WORD) {
                _cleanup_free_ char *word = strndup(braces, n);

                if (!word)
                        return -ENOMEM;
                unit = access_find_unit(code->code, word);
                if (!unit) {
                        text_printf(reason, "only %s are allowed as a modifier for %%%c ('%s')", code->allowed,
                                    code->code, word);
                        return LOG_ACCESS_E_INVALID;
                }
        }
        return access_add(f, &(struct access_item){ .code = code->code, .text = (char *)braces, .unit = unit }, n);
}

/* What begins with the '%' at *p; moves *p behind it. 0; LOG_ACCESS_E_INVALID; -ENOMEM. */
static int access_parse_code(struct log_access_format *f, const char **p, struct text *reason) {
        const struct access_code *code;
        const char *at = *p + 1, *braces = at, *end;
        size_t n = 0;

        if (*at == '{') {
                end = strchr(++braces, '}');
                if (!end || !end[1]) {
                        text_append(reason, end ? "no code follows its last '}'"
                                                : "missing closing embrace in the access.format");
                        return LOG_ACCESS_E_INVALID;
                }
                n = (size_t)(end - braces);
                at = end + 1;
        }
        code = access_find_code(*at);
        if (!code) {
                text_printf(reason, "Invalid token in the access.format (%%%c)", *at);
                return LOG_ACCESS_E_INVALID;
        }
        *p = at + 1;
        return access_add_code(f, code, braces, n, reason);
}

int log_access_format_new(const char *text, struct log_access_format **ret, struct text *reason) {
        _cleanup_(log_access_format_freep) struct log_access_format *f = calloc(1, sizeof(*f));
        int r = 0;

        if (!f)
                return -ENOMEM;
        for (const char *p = text; *p && r == 0;) {
                size_t n = strcspn(p, "%");

                if (n > 0) {
                        r = access_add(f, &(struct access_item){ .text = (char *)p }, n);
                        p += n;
                } else if (!p[1])
                        break; /* a '%' at the end shows nothing, as with php-fpm */
                else
                        r = access_parse_code(f, &p, reason);
        }
        if (r != 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

static bool access_shows(const struct log_access_format *f, char code) {
        for (size_t i = 0; i < f->n; i++)
                if (f->items[i].code == code)
                        return true;
        return false;
}

bool log_access_format_shows_cpu(const struct log_access_format *f) {
        return access_shows(f, 'C');
}

bool log_access_format_shows_remote(const struct log_access_format *f) {
        return access_shows(f, 'R');
}

bool log_access_may_suppress(const struct log_access_record *r) {
        return (text_equal(r->method, "GET") || text_equal(r->method, "HEAD")) && r->content_length == 0 &&
               !(r->query && *r->query) && r->status >= 200 && r->status <= 299;
}

void log_access_look_up(const struct log_access_format *f, const struct log_access_finder *finder, struct text *out) {
        for (size_t i = 0; i < f->n; i++) {
                const struct access_item *item = &f->items[i];
                const char *value;
                size_t n = 0;

                if (item->code != 'e' && item->code != 'o')
                        continue;
                value = (item->code == 'e' ? finder->variable : finder->header)(finder->ctx, item->text, &n);
                if (value)
                        text_append_n(out, value, strnlen(value, n));
                else
                        text_append_c(out, '-');
                text_append_c(out, '\0');
        }
}

void log_access_render(const struct log_access_format *f, const struct log_access_record *record, struct text *out) {
        _cleanup_text_ struct text line = {};
        struct access_render a = { .record = record, .looked_up = record->looked_up, .out = &line };

        for (size_t i = 0; i < f->n; i++) {
                a.item = &f->items[i];
                if (a.item->code == '\0') {
                        text_append(&line, a.item->text);
                        continue;
                }
                access_find_code(a.item->code)->show(&a);
                if (a.looked_up && (a.item->code == 'e' || a.item->code == 'o'))
                        a.looked_up += strlen(a.looked_up) + 1;
        }
        log_line_escape(text_peek(&line), out);
        text_append_c(out, '\n');
        out->failed |= line.failed;
}
