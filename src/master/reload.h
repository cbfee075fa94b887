/* SPDX-License-Identifier: MIT */
#pragma once
/* A reload, from the wish to the outcome. master.h asks for one. */

#include "master/state.h"

/* Notes the wish: for the named pools (one a line; "": all of them), or those whose settings have changed. */
void reload_ask(struct master *m, const char *names);
void reload_ask_changed(struct master *m);

/* Begins the one that is asked for. */
void reload_begin(struct master *m);

/* Ends the one under way, when its generations accept or one has failed. */
void reload_advance(struct master *m);
