/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools that have a unit of their own, which is enabled: fpmd@NAME.socket. */

#include "base/text.h"
#include "conf/conf.h"

/* Takes them out (conf_add_left()). path: systemd's folders of units, with colons between (systemd.unit(5)); one that
 * is not there has none. A folder that cannot be read is a problem; that no pool is left is a notice. */
void conf_ownunit_leave(struct conf *c, const char *path, struct text *problems);

/* The same folders: the pool's socket unit is enabled, whatever file it is made of, and not masked. */
bool conf_ownunit_is_enabled(const char *path, const char *pool);
