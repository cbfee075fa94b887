/* SPDX-License-Identifier: MIT */
#pragma once
/* What systemd says of the units of a list's pools, and of fpmd.service. */

#include "unitlist.h"

/* Asks for the state of their units, and writes it into the list, with what unitlist_look_at_main() makes of it. Pools
 * of no folder are added to it where a unit of theirs is up. Once for a list, after unitlist_read(). 0, or a negative
 * exit code after the error was told. */
int unitquery_ask(struct unitlist *l);
