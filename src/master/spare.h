/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sockets of the service manager that no pool uses, where others have theirs: a pool's file has been removed, and its
 * socket unit has not. A warning, as the others are to serve. What such a unit's clients send waits in its queue, which
 * is the service manager's, for a start that brings its pool back. A reload that takes such a pool away is refused.
 */

#include <stddef.h>

#include "base/text.h"
#include "master/inherited.h"

/* A start whose pools have their sets: closes what is left. */
void spare_close(struct inherited *all);

/* The first of them behind *i, each address once, and *i behind it; NULL: there are no more. */
const struct inherited_socket *spare_next(const struct inherited *all, size_t *i);

void spare_log(const struct inherited *all);

/* Appends a line "BEFORE: ..." for each. */
void spare_list(const struct inherited *all, const char *before, struct text *out);

/* Their names and addresses, as many as *ret_n: strings that are theirs, in an array of the caller's. NULL: out of
 * memory. */
char **spare_names(const struct inherited *all, size_t *ret_n);
