/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A path that a program walks by itself, name by name: what is still to be walked. Which folder it begins in, and which
 * links may be followed, is the caller's to know.
 */

#include <limits.h>

struct pathrest {
        char text[PATH_MAX]; /* from the folder that the walk has come to */
        unsigned n_links;
};

/* 0 or -ENAMETOOLONG. */
int pathrest_begin(struct pathrest *r, const char *path);

/* Takes the next name off it. 1; 0: there is none; -ENAMETOOLONG. The last one leaves text "", unless slashes follow.
 */
int pathrest_next(struct pathrest *r, char name[static NAME_MAX + 1]);

/* Puts the place that a link names in front; link: the link itself, open (O_PATH), the caller's.
 * 0; PATHREST_E_ROOT: it begins at the root; -ELOOP: after as many links as the kernel follows; other -errno. */
enum { PATHREST_E_ROOT = 1 };
int pathrest_follow(struct pathrest *r, int link);
