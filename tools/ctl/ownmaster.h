/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools with a unit of their own have a master of their own. */

#include "ctl.h"

#define OWNMASTER_FOLDER "/run/fpmd-" /* and the name: the runtime folder of fpmd@NAME.service */

/* Takes the names of pools out of the list that are none of fpmd.service's (ctl): has each() deal with those that have
 * a master of their own; of the others, whose unit sleeps, has failed or is off, that is told, as is that there is no
 * such pool where fpmd.service does not run. The greatest exit code. */
struct ownmaster_each {
        int (*each)(const struct ctl *own, char **name, void *userdata);
        void *userdata;
        int asleep; /* the exit code for a pool that sleeps */
};
int ownmaster_take(const struct ctl *ctl, const struct ownmaster_each *each, char **names, size_t *n);
