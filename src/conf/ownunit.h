/* SPDX-License-Identifier: MIT */
#pragma once
/* Pools that have a unit of their own, which is enabled: fpmd@NAME.socket. */

#include <stdbool.h>

/* The links that "systemctl enable" makes are looked for in the folder (systemd.unit(5): /etc/systemd/system), below
 * TARGET.wants and TARGET.requires. */
bool ownunit_is_enabled(const char *folder, const char *pool);
