/* SPDX-License-Identifier: MIT */
#pragma once
/* Room in the park: park.max_connections and park.max_bytes, and which connection goes when there is none. */

#include "park/park.h"

/* Room for one more connection; false: there is none, for this one. fd: for the log. */
bool limits_admit(struct park *park, int fd);

/* Room for one more shelf. */
bool limits_admit_shelf(const struct park *park);

/* Room for n more bytes of c, if others hold some for their client's sake that has been waited for the longest: those
 * are closed. False: there is none, and c is as it was. */
bool limits_make_room(struct park *park, const struct connection *c, size_t n);

/* Room for n more bytes of c; false: c itself had to go. */
bool limits_reserve(struct park *park, struct connection *c, size_t n);
