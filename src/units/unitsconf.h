/* SPDX-License-Identifier: MIT */
#pragma once
/* /etc/fpmd/units.conf: which folders' pools are units, and what they have in common. */

#include "base/text.h"
#include "base/time.h"

#define UNITSCONF_FOLDERS_MAX 16U

struct unitsconf {
        char *folders[UNITSCONF_FOLDERS_MAX];
        size_t n_folders;
        usec_t exit_idle;   /* of pools with pm = ondemand; 0: they go on */
        bool dynamic_users; /* for pools without a user */
};
void unitsconf_done(struct unitsconf *c);
#define _cleanup_unitsconf_ _cleanup_(unitsconf_done)

/* Reads the file, and where there is none takes the defaults. What is wrong is a line of problems, and the
 * default stands. 0 or -errno. */
int unitsconf_load(const char *path, struct unitsconf *ret, struct text *problems);

/* The same from n bytes; path is the name that problems give them. */
int unitsconf_take(const char *path, const char *data, size_t n, struct unitsconf *ret, struct text *problems);
