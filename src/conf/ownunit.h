/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools that have a unit of their own, which is enabled: fpmd@NAME.socket. */

#include "base/text.h"
#include "conf/conf.h"

/* Takes them out (conf_add_left()). path: systemd's folders of units, with colons between (systemd.unit(5)); one that
 * is not there has none. A folder that cannot be read, and that no pool is left, are problems. */
void conf_ownunit_leave(struct conf *c, const char *path, struct text *problems);
