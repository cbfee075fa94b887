/* SPDX-License-Identifier: MIT */
/* Unlike the types of types.c these have no answer of php-fpm's to keep, so a word is taken in one form. */

#include "conf/own.h"

#include <strings.h>

#include "conf/model.h"

/* Which of two words it is. */
static int own_parse_word(const char *const words[2], const char *text, struct text *reason, unsigned *ret) {
        for (unsigned i = 0; i < 2; i++)
                if (strcasecmp(text, words[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        text_printf(reason, "'%s' is neither %s nor %s", text, words[0], words[1]);
        return CONF_VALUE_E_INVALID;
}

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
