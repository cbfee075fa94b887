/* SPDX-License-Identifier: MIT */
#pragma once
/* One value of the table's types: from text, to text, compared, freed. Nothing here knows a directive by name. */

#include <stdbool.h>

#include "base/text.h"
#include "conf/types.h"

/*
 * Sets the row's field in its section (struct conf_global or struct conf_pool) from a text as the ini parser gives it;
 * the old value is freed. 0; CONF_VALUE_E_INVALID, or for a whole number that is out of its row's bounds
 * CONF_VALUE_E_BELOW or _ABOVE, with what is wrong appended to reason (a first line of two is in php-fpm's words), the
 * field unchanged; -ENOMEM. An empty text unsets a STRING or PATH that has no default, and is a number's 0, as with
 * php-fpm.
 */
int conf_value_set(const struct conf_directive *d, void *section, const char *text, struct text *reason);

/* The default of the table into a fresh section. 0 or -ENOMEM. */
int conf_value_init(const struct conf_directive *d, void *section);

/* Appends the value as conf_value_set() would take it; nothing for an unset one. */
void conf_value_format(const struct conf_directive *d, const void *section, struct text *out);

/* The text of a STRING or PATH; NULL: unset. */
const char *conf_value_text(const struct conf_directive *d, const void *section);

bool conf_value_is_set(const struct conf_directive *d, const void *section);
bool conf_value_equal(const struct conf_directive *d, const void *a, const void *b);

/* True when the value is the one that the table gives by default. */
bool conf_value_is_initial(const struct conf_directive *d, const void *section);

void conf_value_clear(const struct conf_directive *d, void *section);
