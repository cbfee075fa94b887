/* SPDX-License-Identifier: MIT */
#pragma once
/* What "systemctl show" says of one unit: lines NAME=VALUE. */

#include <stdbool.h>
#include <stddef.h>

#include "conf/model.h"

/* The next block, from *rest on, which an empty line ends; NULL: that was all. */
char *unitblock_next(char **rest);

/* The unit's name, into ret. False: it has none. */
bool unitblock_id(const char *block, char ret[static 256]);

/* The pool's name, of a unit's that is an instance's: "fpmd@NAME.service". False: it is no such unit. */
bool unitblock_take_pool(const char *unit, char ret[static CONF_POOL_NAME_MAX + 1]);

bool unitblock_has_line(const char *block, const char *line);

/* What stands behind the next "NAME=" that a line of *rest begins with, up to a blank, *rest moved behind it; one that
 * is too long is left out. False: no more. */
bool unitblock_next_word(const char **rest, const char *name, char ret[static CONF_PATH_BYTES + 1]);

/* A socket unit with that address, as socketunit_address() has it. */
bool unitblock_listens_at(const char *block, const char *address);
