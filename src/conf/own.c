/* SPDX-License-Identifier: MIT */
/* Unlike the types of types.c these have no answer of php-fpm's to keep, so a word is taken in one form. */

#include "conf/own.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "base/number.h"
#include "conf/boolean.h"
#include "conf/model.h"

/* Which of the words it is. */
static int own_find_word(const char *const *words, size_t n, const char *text, struct text *reason, unsigned *ret) {
        for (unsigned i = 0; i < n; i++)
                if (strcasecmp(text, words[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        text_printf(reason, "'%s' is %s %s", text, n == 2 ? "neither" : "none of", words[0]);
        for (size_t i = 1; i < n; i++)
                text_printf(reason, "%s%s", i + 1 < n ? ", " : n == 2 ? " nor " : " and ", words[i]);
        return CONF_VALUE_E_INVALID;
}
#define own_parse_word(words, text, reason, ret) own_find_word(words, ELEMENTSOF(words), text, reason, ret)

static const char *const own_abandoned[] = { [CONF_ABANDONED_RUN] = "run", [CONF_ABANDONED_DROP] = "drop" };

int conf_own_parse_abandoned(_unused_ const struct conf_directive *d, void *field, const char *text,
                             struct text *reason) {
        return own_parse_word(own_abandoned, text, reason, field);
}

void conf_own_format_abandoned(const void *field, struct text *out) {
        text_append(out, own_abandoned[*(const enum conf_abandoned *)field]);
}

static const char *const own_disconnect[] = { [CONF_DISCONNECT_IGNORE] = "ignore", [CONF_DISCONNECT_ABORT] = "abort" };

int conf_own_parse_disconnect(_unused_ const struct conf_directive *d, void *field, const char *text,
                              struct text *reason) {
        return own_parse_word(own_disconnect, text, reason, field);
}

void conf_own_format_disconnect(const void *field, struct text *out) {
        text_append(out, own_disconnect[*(const enum conf_disconnect *)field]);
}

static const char *const own_owner[] = { [CONF_OWNER_ANY] = "any", [CONF_OWNER_POOL] = "pool" };

int conf_own_parse_owner(_unused_ const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        return own_parse_word(own_owner, text, reason, field);
}

void conf_own_format_owner(const void *field, struct text *out) {
        text_append(out, own_owner[*(const enum conf_owner *)field]);
}

static const char *const own_seccomp[] = {
        [CONF_SECCOMP_NO] = "no", [CONF_SECCOMP_EXEC] = "exec", [CONF_SECCOMP_STRICT] = "strict"
};

/* A file's no, off and none have become nothing when they come here. */
int conf_own_parse_seccomp(_unused_ const struct conf_directive *d, void *field, const char *text,
                           struct text *reason) {
        return own_parse_word(own_seccomp, *text ? text : own_seccomp[CONF_SECCOMP_NO], reason, field);
}

void conf_own_format_seccomp(const void *field, struct text *out) {
        text_append(out, own_seccomp[*(const enum conf_seccomp *)field]);
}

static const char *const own_landlock[] = {
        [CONF_LANDLOCK_NO] = "no", [CONF_LANDLOCK_YES] = "yes", [CONF_LANDLOCK_STRICT] = "strict"
};

int conf_own_parse_landlock(_unused_ const struct conf_directive *d, void *field, const char *text,
                            struct text *reason) {
        bool on;

        if (conf_boolean_parse(text, &on) == 0)
                text = own_landlock[on ? CONF_LANDLOCK_YES : CONF_LANDLOCK_NO];
        return own_parse_word(own_landlock, text, reason, field);
}

void conf_own_format_landlock(const void *field, struct text *out) {
        text_append(out, own_landlock[*(const enum conf_landlock *)field]);
}

static const struct {
        const char *name;
        uint64_t usec;
} own_units[] = {
        { "", USEC_PER_SEC },       { "s", USEC_PER_SEC },        { "ms", USEC_PER_MSEC },
        { "m", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "d", 86400 * USEC_PER_SEC },
};

/* The number and its unit, in usec. -EINVAL: there is no such unit, or no number; -ERANGE. */
static int own_read_delay(const char *text, usec_t *ret) {
        size_t n = strspn(text, "0123456789");
        char digits[20] = "";

        if (n == 0)
                return -EINVAL;
        if (n >= sizeof(digits))
                return -ERANGE;
        memcpy(digits, text, n);
        for (size_t i = 0; i < ELEMENTSOF(own_units); i++) {
                uint64_t number;
                int r;

                if (strcmp(text + n, own_units[i].name) != 0)
                        continue;
                r = number_parse_u64(digits, UINT64_MAX, &number);
                if (r < 0)
                        return r;
                return __builtin_mul_overflow(number, own_units[i].usec, ret) ? -ERANGE : 0;
        }
        return -EINVAL;
}

int conf_own_parse_delay(const struct conf_directive *d, void *field, const char *text, struct text *reason) {
        usec_t delay;
        int r = own_read_delay(text, &delay);

        if (r == 0 && (delay < (uint64_t)d->min * USEC_PER_SEC || delay > (uint64_t)d->max * USEC_PER_SEC))
                r = -ERANGE;
        if (r == 0)
                *(usec_t *)field = delay;
        else if (r == -ERANGE)
                text_printf(reason, "%s is not between %" PRId64 " and %" PRId64 " seconds", text, d->min, d->max);
        else
                text_printf(reason, "'%s' is not a whole number, then ms, s, m, h, d or nothing", text);
        return r == 0 ? 0 : CONF_VALUE_E_INVALID;
}

void conf_own_format_delay(const void *field, struct text *out) {
        usec_t delay = *(const usec_t *)field;

        if (delay % USEC_PER_SEC == 0)
                text_printf(out, "%" PRIu64 "s", delay / USEC_PER_SEC);
        else
                text_printf(out, "%" PRIu64 "ms", delay / USEC_PER_MSEC);
}
