/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools with a unit of their own have a master of their own. */

#include <limits.h>

#include "ctl.h"

/* The control socket of the pool's own master, into ret. False: there is none. */
bool ownmaster_find(const char *name, char ret[static PATH_MAX]);

/* Of a pool without one: where its unit sleeps, has failed or is off, that is told, as is that there is no such pool
 * where fpmd.service (ctl) does not run. 0; OWNMASTER_E_NOT: the pool is for the master of fpmd.service to tell of, and
 * *ret_exit, an exit code, else. */
enum { OWNMASTER_E_NOT = 1 };
int ownmaster_tell(const struct ctl *ctl, const char *name, int *ret_exit);

/* Takes the names of pools out of the list for which that holds, in order, and has each() deal with those that have a
 * master of their own. The greatest exit code. */
struct ownmaster_each {
        int (*each)(const struct ctl *own, char **name, void *userdata);
        void *userdata;
};
int ownmaster_take(const struct ctl *ctl, const struct ownmaster_each *each, char **names, size_t *n);
