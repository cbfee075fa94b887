/* SPDX-License-Identifier: MIT */
#pragma once
/* Files below the folder that systemd gives to a generator, and nowhere else. */

#include "base/text.h"

/* Writes FOLDER/UNIT.d/50-pool.conf. The unit has a name that one can have; folder_fd is the folder, open. Nothing that
 * is there is followed or written over. 0 or -errno. */
int output_write(int folder_fd, const char *unit, const struct text *text);

/* Hides UNIT, as a dependency that a folder of less weight has: FOLDER/DEPENDENCIES/UNIT is a link to /dev/null. 0 or
 * -errno. */
int output_hide(int folder_fd, const char *dependencies, const char *unit);
