/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A file with a mistake whose pools are all left to units of their own: these units tell it, and do not start. Whoever
 * serves the other pools goes on without the file.
 */

#include "conf/ownunit.h"

struct conf_leftfiles {
        const char *path; /* conf_ownunit_read()'s, which is borrowed */
        struct conf_ownunits units;
        bool known;       /* they have been read */
        const char *last; /* the file that was looked at last, which is borrowed */
        bool is_left;     /* that one is */
};
void conf_leftfile_done(struct conf_leftfiles *l);

struct conf_leftfile {
        const char *path;
        const char
                *data; /* its bytes; NULL: it cannot be read, and all its pools are those that have units made of it */
        size_t n;
};

/* Takes a mistake of the file, lines of which the last one is told as a notice, one for each file. 0;
 * CONF_LEFTFILE_E_NOT: it is no such file; -ENOMEM. */
enum { CONF_LEFTFILE_E_NOT = 1 };
int conf_leftfile_take(struct conf_leftfiles *l, struct conf *c, const struct conf_leftfile *file, const char *mistake);
