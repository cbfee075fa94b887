/* SPDX-License-Identifier: MIT */
#pragma once
/* The types of the table, as functions on a field; conf/values.h knows whose field it is. */

#include "base/text.h"
#include "conf/model.h"
#include "conf/rows.h"

struct conf_types_row {
        /* The row's bounds hold. 0; CONF_VALUE_E_INVALID, _BELOW or _ABOVE with what is wrong in reason, the field
         * unchanged; -ENOMEM. */
        int (*parse)(const struct conf_directive *d, void *field, const char *text, struct text *reason);
        void (*format)(const void *field, struct text *out);
        void (*clear)(void *field); /* frees what the field owns, and unsets it; NULL: it owns nothing */
};

/* A row for each CONF_TYPE_*. */
extern const struct conf_types_row conf_types[];

/* "static", "dynamic", "ondemand"; "" for a value that is none. */
const char *conf_type_pm_name(enum conf_pm pm) __attribute__((__const__));
