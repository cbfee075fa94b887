/* SPDX-License-Identifier: MIT */
#pragma once
/* What "systemctl show" says of one unit: lines NAME=VALUE. */

#include <stdbool.h>
#include <stddef.h>

/* The next block, from *rest on, which an empty line ends; NULL: that was all. */
char *unitblock_next(char **rest);

/* The unit's name, into ret. False: it has none. */
bool unitblock_id(const char *block, char ret[static 256]);

bool unitblock_has_line(const char *block, const char *line);

/* A socket unit with that address, as socketunit_address() has it. */
bool unitblock_listens_at(const char *block, const char *address);
