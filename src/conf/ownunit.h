/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools that have a unit of their own, which is enabled: fpmd@NAME.socket. */

#include "base/names.h"
#include "base/text.h"
#include "conf/conf.h"

/* Whose socket units are enabled, whatever files they are made of. */
struct conf_ownunits {
        char **names;
        size_t n;
        struct names places; /* by name */
        const char *path;
};

/* Takes them out (conf_add_left()). path: systemd's folders of units, with colons between (systemd.unit(5)); one that
 * is not there has none. A folder that cannot be read is a problem; that no pool is left is a notice. */
void conf_ownunit_leave(struct conf *c, const char *path, struct text *problems);

/* Reads the same folders, once for all pools; path is borrowed. 0 or -errno: then it has none. */
int conf_ownunit_read(const char *path, struct conf_ownunits *ret);
void conf_ownunit_done(struct conf_ownunits *u);
#define _cleanup_ownunits_ _cleanup_(conf_ownunit_done)

/* The pool's socket unit is enabled, and not masked. */
bool conf_ownunit_has(const struct conf_ownunits *u, const char *pool);

/* And it is made of that file. */
bool conf_ownunit_is_of(const struct conf_ownunits *u, const char *pool, const char *file);

/* Whether it is enabled, of one pool. */
bool conf_ownunit_is_enabled(const char *path, const char *pool);
