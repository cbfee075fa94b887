/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One capability on its way through a change of user, an exec and a fork. capabilities(7). capability is a CAP_ number of
 * linux/capability.h. Each returns 0 or -errno; -EPERM: the process does not have it.
 */

/* Everything but this one is given up, and it outlives an exec. After setresuid(2) under PR_SET_KEEPCAPS. */
int capability_pass_on(int capability);

/* Everything but this one is given up, and it sleeps: it does nothing until capability_wake(), and no exec keeps it. */
int capability_hold(int capability);
int capability_wake(int capability);

int capability_drop_all(void);
