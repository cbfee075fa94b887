/* SPDX-License-Identifier: MIT */
#pragma once
/* What belongs to a service, by its name: fpmd.service, fpmd@NAME.service, phpX.Y-fpm.service. */

#include <stdbool.h>

#include "base/text.h"

/* "fpmd@NAME.socket". False: the name is no service's. */
bool doctor_unitname_put_socket(const char *service, struct text *out);

/* The folder of its control socket, "/run/fpmd-NAME". False: likewise. */
bool doctor_unitname_put_folder(const char *service, struct text *out);

/* fpmctl as it is to be called for that service: with its folder where that is not fpmctl's own. */
void doctor_unitname_put_ctl(const char *service, struct text *out);

/* "systemctl disable --now SERVICE"; of "" in words. */
void doctor_unitname_put_disable(const char *service, struct text *out);

/* What has to be started anew for another address: the socket unit and the service, or of php-fpm's package the service
 * alone. */
void doctor_unitname_put_restart(const char *service, struct text *out);

/* What comes before a start or a restart of a unit. An instance is made of its pool's file, and keeps in its command
 * line what was wrong there; of others "". */
const char *doctor_unitname_remake(const char *unit);

/* Both. */
void doctor_unitname_put_remake(const char *service, struct text *out);
