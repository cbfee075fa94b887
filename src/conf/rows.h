/* SPDX-License-Identifier: MIT */
#pragma once
/* The table of directives.h as data, and looking things up in it. */

#include <stddef.h>
#include <stdint.h>

#include "conf/directives.h"

enum conf_type {
        CONF_TYPE_STRING,
        CONF_TYPE_PATH,
        CONF_TYPE_BOOL,
        CONF_TYPE_COUNT,
        CONF_TYPE_AUTO,
        CONF_TYPE_LIMIT,
        CONF_TYPE_INT,
        CONF_TYPE_RLIMIT,
        CONF_TYPE_SIZE,
        CONF_TYPE_TIME,
        CONF_TYPE_MODE,
        CONF_TYPE_LEVEL,
        CONF_TYPE_PM,
        CONF_TYPE_FACILITY,
        CONF_TYPE_WORDS,
        CONF_TYPE_ABANDONED,
        CONF_TYPE_DISCONNECT,
        CONF_TYPE_OWNER,
        CONF_TYPE_SECCOMP,
        CONF_TYPE_LANDLOCK,
        CONF_TYPE_DELAY,
};

enum conf_acts { CONF_ACTS_NOW, CONF_ACTS_OWN, CONF_ACTS_NEVER };
enum conf_applies { CONF_APPLIES_RELOAD, CONF_APPLIES_RESTART };

/* Why a text is no value of a row. */
enum { CONF_VALUE_E_INVALID = 1, CONF_VALUE_E_BELOW, CONF_VALUE_E_ABOVE };

/* One row; offset is that of the field in its section's struct. */
struct conf_directive {
        const char *name;
        size_t n_name;
        size_t offset;
        int64_t min;
        int64_t max;
        const char *initial;
        enum conf_type type;
        enum conf_acts acts;
        enum conf_applies applies;
};

struct conf_array {
        const char *name;
        enum conf_acts acts;
};

extern const struct conf_directive conf_global_directives[_CONF_GLOBAL_MAX];
extern const struct conf_directive conf_pool_directives[_CONF_POOL_MAX];
extern const struct conf_array conf_pool_arrays[_CONF_ARRAY_MAX];

/* The row of a name, in any case, as php-fpm takes them; -1: no such directive there. */
int conf_rows_find_global(const char *name);
int conf_rows_find_pool(const char *name);
int conf_rows_find_array(const char *name);

/* The known name that a misspelt one most likely means; NULL: none is close. */
const char *conf_rows_nearest(const char *name);
