/* SPDX-License-Identifier: MIT */
/* A row's value in its section, whatever its type: two values are equal when their texts are. */

#include "conf/values.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "conf/model.h"
#include "conf/rows.h"

static void *value_field_of(const struct conf_directive *d, void *section) {
        return (char *)section + d->offset;
}

static const void *value_const_field_of(const struct conf_directive *d, const void *section) {
        return (const char *)section + d->offset;
}

int conf_value_set(const struct conf_directive *d, void *section, const char *text, struct text *reason) {
        return conf_types[d->type].parse(d, value_field_of(d, section), text, reason);
}

void conf_value_format(const struct conf_directive *d, const void *section, struct text *out) {
        if (conf_value_is_set(d, section))
                conf_types[d->type].format(value_const_field_of(d, section), out);
}

int conf_value_init(const struct conf_directive *d, void *section) {
        _cleanup_text_ struct text reason = {};
        int r;

        if (!d->initial) {
                if (d->type == CONF_TYPE_INT)
                        *(int *)value_field_of(d, section) = CONF_INT_UNSET;
                return 0;
        }
        r = conf_value_set(d, section, d->initial, &reason);
        assert(r <= 0); /* the table's defaults are valid */
        return r;
}

const char *conf_value_text(const struct conf_directive *d, const void *section) {
        assert(d->type == CONF_TYPE_STRING || d->type == CONF_TYPE_PATH);
        return *(const char *const *)value_const_field_of(d, section);
}

bool conf_value_is_set(const struct conf_directive *d, const void *section) {
        const void *field = value_const_field_of(d, section);

        switch (d->type) {
        case CONF_TYPE_STRING:
        case CONF_TYPE_PATH:
        case CONF_TYPE_WORDS:
                return *(void *const *)field != NULL;
        case CONF_TYPE_INT:
                return *(const int *)field != CONF_INT_UNSET;
        case CONF_TYPE_COUNT:
        case CONF_TYPE_LIMIT:
                return d->initial || *(const unsigned *)field != 0;
        case CONF_TYPE_PM:
                return *(const enum conf_pm *)field != 0;
        default:
                return true;
        }
}

static bool value_is_text(const struct conf_directive *d, const void *section, const char *text) {
        _cleanup_text_ struct text t = {};

        conf_value_format(d, section, &t);
        return !t.failed && text_equal(text_peek(&t), text);
}

bool conf_value_equal(const struct conf_directive *d, const void *a, const void *b) {
        _cleanup_text_ struct text t = {};

        if (conf_value_is_set(d, a) != conf_value_is_set(d, b))
                return false;
        conf_value_format(d, a, &t);
        return !t.failed && value_is_text(d, b, text_peek(&t));
}

bool conf_value_is_initial(const struct conf_directive *d, const void *section) {
        union {
                struct conf_global global;
                struct conf_pool pool;
        } fresh = {};
        bool same;

        same = conf_value_init(d, &fresh) == 0 && conf_value_equal(d, section, &fresh);
        conf_value_clear(d, &fresh);
        return same;
}

void conf_value_clear(const struct conf_directive *d, void *section) {
        if (conf_types[d->type].clear)
                conf_types[d->type].clear(value_field_of(d, section));
}
