/* SPDX-License-Identifier: MIT */
/*
 * The types of the table: from text, to text, freed. Each has one row of functions here; text is their common language,
 * so that files, defaults, the dump and a pool's bytes for its zygote cannot disagree about what a value looks like.
 *
 * Stricter than php-fpm, where its answer is an accident of atoi(): numbers that do not fit, times such as "10ms",
 * modes that are not octal are refused, not bent.
 */

#include "conf/types.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "base/number.h"
#include "conf/boolean.h"
#include "conf/own.h"
#include "conf/rows.h"

#define TYPE_BLANKS " \t"

static int type_parse_string(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        size_t n = strlen(text);
        char *copy = NULL;

        if (n > 0 || d->initial || d->min == 0) {
                if (n < (size_t)d->min || n > (size_t)d->max) {
                        text_printf(reason, "must have %" PRId64 " to %" PRId64 " bytes", d->min, d->max);
                        return CONF_VALUE_E_INVALID;
                }
                if (!(copy = strdup(text)))
                        return -ENOMEM;
        }
        free(*(char **)field);
        *(char **)field = copy;
        return 0;
}

static void type_free_string(void *field) {
        free(*(char **)field);
        *(char **)field = NULL;
}

static void type_format_string(const void *field, struct text *out) {
        const char *s = *(char *const *)field;

        if (s)
                text_append(out, s);
}

static void type_free_words(void *field) {
        char **words = *(char ***)field;

        for (char **w = words; w && *w; w++)
                free(*w);
        free(words);
        *(char ***)field = NULL;
}

static int type_parse_words(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        size_t n = 0, n_word;
        char **words;

        for (const char *s = text; text_word(&s, TYPE_BLANKS, &n_word);)
                n++;
        words = calloc(n + 1, sizeof(*words));
        if (!words)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const char *word = text_word(&text, TYPE_BLANKS, &n_word);

                words[i] = strndup(word, n_word);
                if (!words[i]) {
                        type_free_words(&words);
                        return -ENOMEM;
                }
        }
        type_free_words(field);
        *(char ***)field = words;
        return 0;
}

static void type_format_words(const void *field, struct text *out) {
        char *const *words = *(char *const *const *)field;

        for (size_t i = 0; words && words[i]; i++)
                text_printf(out, "%s%s", i > 0 ? " " : "", words[i]);
}

static int type_parse_bool(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        if (conf_boolean_parse(text, field) == 0)
                return 0;
        text_printf(reason, "invalid boolean value\n'%s' is neither yes nor no", text);
        return CONF_VALUE_E_INVALID;
}

static void type_format_bool(const void *field, struct text *out) {
        text_append(out, *(const bool *)field ? "yes" : "no");
}

static void type_tell_bounds(const struct conf_directive *d, const char *text, struct text *reason) {
        bool from_0 = d->type == CONF_TYPE_COUNT || d->type == CONF_TYPE_LIMIT; /* what is below counts as 0 */
        int64_t min = from_0 ? MAX(d->min, 0) : d->min;

        text_printf(reason, "%s is not between %" PRId64 " and %" PRId64, text, min, d->max);
}

/* A number between the row's bounds. */
static int type_parse_number(const struct conf_directive *d, const char *text, struct text *reason, int64_t *ret) {
        bool negative = text[0] == '-';
        uint64_t magnitude;
        int r;

        r = number_parse_u64(*text ? text + negative : "0", INT64_MAX, &magnitude);
        if (r == 0) {
                int64_t v = negative ? -(int64_t)magnitude : (int64_t)magnitude;

                if (v >= d->min && v <= d->max) {
                        *ret = v;
                        return 0;
                }
                type_tell_bounds(d, text, reason);
                return v < d->min ? CONF_VALUE_E_BELOW : CONF_VALUE_E_ABOVE;
        }
        if (r == -EINVAL)
                text_printf(reason, "is not a valid number (greater or equal than zero)\n'%s' is no number", text);
        else
                type_tell_bounds(d, text, reason);
        return CONF_VALUE_E_INVALID;
}

static int type_parse_count(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        int64_t v;
        int r = type_parse_number(d, text, reason, &v);

        if (r == 0)
                *(unsigned *)field = v < 0 ? 0 : (unsigned)v;
        return r;
}

static void type_format_count(const void *field, struct text *out) {
        text_printf(out, "%u", *(const unsigned *)field);
}

static int type_parse_auto(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        int r;

        if (strcasecmp(text, "auto") == 0) {
                *(unsigned *)field = d->type == CONF_TYPE_LIMIT ? CONF_LIMIT_AUTO : 0;
                return 0;
        }
        r = type_parse_count(d, field, text, reason);
        if (r > 0)
                text_append(reason, " (nor 'auto')");
        return r;
}

static void type_format_auto(const void *field, struct text *out) {
        if (*(const unsigned *)field == 0)
                text_append(out, "auto");
        else
                type_format_count(field, out);
}

static void type_format_limit(const void *field, struct text *out) {
        if (*(const unsigned *)field == CONF_LIMIT_AUTO)
                text_append(out, "auto");
        else
                type_format_count(field, out);
}

static int type_parse_int(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        int64_t v;
        int r = type_parse_number(d, text, reason, &v);

        if (r == 0)
                *(int *)field = (int)v;
        return r;
}

static void type_format_int(const void *field, struct text *out) {
        if (*(const int *)field != CONF_INT_UNSET)
                text_printf(out, "%d", *(const int *)field);
}

static int type_parse_rlimit(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        _cleanup_text_ struct text why = {};
        int64_t v;
        int r;

        if (strcasecmp(text, "unlimited") == 0) {
                *(int64_t *)field = CONF_UNLIMITED;
                return 0;
        }
        r = type_parse_number(d, text, &why, &v);
        if (r == 0)
                *(int64_t *)field = v;
        else
                text_printf(reason, "%s%s (nor 'unlimited')",
                            r == CONF_VALUE_E_BELOW ? "must be greater than zero or 'unlimited'\n" : "",
                            text_peek(&why));
        reason->failed |= why.failed;
        return r;
}

static void type_format_rlimit(const void *field, struct text *out) {
        int64_t v = *(const int64_t *)field;

        if (v == CONF_UNLIMITED)
                text_append(out, "unlimited");
        else
                text_printf(out, "%" PRId64, v);
}

/* A whole number, then K, M, G (of 1024) or nothing, as in php.ini. */
static int type_parse_size(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        static const char units[] = "KMG";
        char digits[20 + 1] = "";
        size_t n = strspn(text, "0123456789");
        const char *unit = text[n] ? strchr(units, toupper((unsigned char)text[n])) : NULL;
        uint64_t v;
        int r = -EINVAL;

        if (n < sizeof(digits) && (!text[n] || (unit && !text[n + 1]))) {
                memcpy(digits, text, n);
                r = number_parse_u64(n > 0 || *text ? digits : "0", UINT64_MAX, &v);
        }
        for (const char *u = units; r == 0 && unit && u <= unit; u++)
                if (__builtin_mul_overflow(v, UINT64_C(1024), &v))
                        r = -ERANGE;
        if (r == 0 && v >= (uint64_t)d->min && v <= (uint64_t)d->max) {
                *(uint64_t *)field = v;
                return 0;
        }
        if (r == -EINVAL)
                text_printf(reason, "'%s' is not a size: a whole number, then K, M, G or nothing", text);
        else
                text_printf(reason, "%s is not between %" PRId64 " and %" PRId64 " bytes", text, d->min, d->max);
        return CONF_VALUE_E_INVALID;
}

static void type_format_size(const void *field, struct text *out) {
        static const char *const units[] = { "", "K", "M", "G" };
        uint64_t v = *(const uint64_t *)field;
        size_t i = 0;

        for (; v > 0 && v % 1024 == 0 && i + 1 < ELEMENTSOF(units); i++)
                v /= 1024;
        text_printf(out, "%" PRIu64 "%s", v, units[i]);
}

/* Digits, blanks, one of s, m, h, d or none. -EINVAL: no such form. */
static int type_split_time(const char *text, uint64_t *ret_number, uint64_t *ret_unit) {
        static const struct {
                char suffix;
                uint64_t seconds;
        } units[] = { { '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        size_t n = strspn(text, "0123456789");
        char digits[20];

        if (n >= sizeof(digits))
                return -ERANGE;
        memcpy(digits, text, n);
        digits[n] = '\0';
        for (text += n; *text && strchr(TYPE_BLANKS, *text); text++)
                ;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (text[0] == units[i].suffix && (text[0] == '\0' || text[1] == '\0')) {
                        *ret_unit = units[i].seconds;
                        return number_parse_u64(digits, UINT64_MAX, ret_number);
                }
        return -EINVAL;
}

static int type_parse_time(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        uint64_t number, unit;
        int r;

        r = type_split_time(text, &number, &unit);
        if (r == 0 &&
            (__builtin_mul_overflow(number, unit, &number) || number < (uint64_t)d->min || number > (uint64_t)d->max))
                r = -ERANGE;
        if (r == 0) {
                *(usec_t *)field = number * USEC_PER_SEC;
                return 0;
        }
        if (r == -ERANGE)
                text_printf(reason, "%s is not between %" PRId64 " and %" PRId64 " seconds", text, d->min, d->max);
        else
                text_printf(reason, "%s\n'%s' is not a whole number, then s, m, h, d or nothing",
                            *text ? "unknown suffix used in time value" : "invalid time value", text);
        return CONF_VALUE_E_INVALID;
}

static void type_format_time(const void *field, struct text *out) {
        text_printf(out, "%" PRIu64 "s", *(const usec_t *)field / USEC_PER_SEC);
}

static int type_parse_mode(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        uint64_t v;

        if (number_parse_octal(text, (uint64_t)d->max, &v) < 0) {
                text_printf(reason, "'%s' is not an octal mode of at most %" PRIo64, text, d->max);
                return CONF_VALUE_E_INVALID;
        }
        *(unsigned *)field = (unsigned)v;
        return 0;
}

static void type_format_mode(const void *field, struct text *out) {
        text_printf(out, "%04o", *(const unsigned *)field);
}

static int type_parse_level(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        if (log_level_from_name(strcasecmp(text, "warn") == 0 ? "warning" : text, field) == 0)
                return 0;
        text_printf(reason, "invalid value for '%s'\n'%s' is none of debug, notice, warning, error, alert", d->name,
                    text);
        return CONF_VALUE_E_INVALID;
}

static void type_format_level(const void *field, struct text *out) {
        for (const char *s = log_level_name(*(const enum log_level *)field); *s; s++)
                text_append_c(out, (char)tolower((unsigned char)*s));
}

static int type_parse_pm(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        for (enum conf_pm pm = CONF_PM_STATIC; pm <= CONF_PM_ONDEMAND; pm++)
                if (strcasecmp(text, conf_type_pm_name(pm)) == 0) {
                        *(enum conf_pm *)field = pm;
                        return 0;
                }
        text_printf(reason, "invalid process manager (static, dynamic or ondemand)\n'%s' is none", text);
        return CONF_VALUE_E_INVALID;
}

static void type_format_pm(const void *field, struct text *out) {
        text_append(out, conf_type_pm_name(*(const enum conf_pm *)field));
}

static const struct {
        const char *name;
        int facility;
} facilities[] = {
        { "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },     { "daemon", LOG_DAEMON },
        { "ftp", LOG_FTP },       { "kern", LOG_KERN },         { "lpr", LOG_LPR },       { "mail", LOG_MAIL },
        { "news", LOG_NEWS },     { "syslog", LOG_SYSLOG },     { "user", LOG_USER },     { "uucp", LOG_UUCP },
        { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },     { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },
        { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },     { "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

static int type_parse_facility(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        for (size_t i = 0; i < ELEMENTSOF(facilities); i++)
                if (strcasecmp(text, facilities[i].name) == 0) {
                        *(int *)field = facilities[i].facility;
                        return 0;
                }
        text_printf(reason, "invalid value\n'%s' is no syslog facility", text);
        return CONF_VALUE_E_INVALID;
}

static void type_format_facility(const void *field, struct text *out) {
        for (size_t i = 0; i < ELEMENTSOF(facilities); i++)
                if (facilities[i].facility == *(const int *)field)
                        text_append(out, facilities[i].name);
}

const struct conf_types_row conf_types[] = {
        [CONF_TYPE_STRING] = { type_parse_string, type_format_string, type_free_string },
        [CONF_TYPE_PATH] = { type_parse_string, type_format_string, type_free_string },
        [CONF_TYPE_BOOL] = { type_parse_bool, type_format_bool },
        [CONF_TYPE_COUNT] = { type_parse_count, type_format_count },
        [CONF_TYPE_AUTO] = { type_parse_auto, type_format_auto },
        [CONF_TYPE_LIMIT] = { type_parse_auto, type_format_limit },
        [CONF_TYPE_INT] = { type_parse_int, type_format_int },
        [CONF_TYPE_RLIMIT] = { type_parse_rlimit, type_format_rlimit },
        [CONF_TYPE_SIZE] = { type_parse_size, type_format_size },
        [CONF_TYPE_TIME] = { type_parse_time, type_format_time },
        [CONF_TYPE_MODE] = { type_parse_mode, type_format_mode },
        [CONF_TYPE_LEVEL] = { type_parse_level, type_format_level },
        [CONF_TYPE_PM] = { type_parse_pm, type_format_pm },
        [CONF_TYPE_FACILITY] = { type_parse_facility, type_format_facility },
        [CONF_TYPE_WORDS] = { type_parse_words, type_format_words, type_free_words },
        [CONF_TYPE_ABANDONED] = { conf_own_parse_abandoned, conf_own_format_abandoned },
        [CONF_TYPE_DISCONNECT] = { conf_own_parse_disconnect, conf_own_format_disconnect },
        [CONF_TYPE_OWNER] = { conf_own_parse_owner, conf_own_format_owner },
        [CONF_TYPE_SECCOMP] = { conf_own_parse_seccomp, conf_own_format_seccomp },
        [CONF_TYPE_LANDLOCK] = { conf_own_parse_landlock, conf_own_format_landlock },
        [CONF_TYPE_DELAY] = { conf_own_parse_delay, conf_own_format_delay },
};

const char *conf_type_pm_name(enum conf_pm pm) {
        static const char *const names[] = { "", "static", "dynamic", "ondemand" };

        return names[pm >= CONF_PM_STATIC && pm <= CONF_PM_ONDEMAND ? pm : 0];
}
