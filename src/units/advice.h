/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What to do about pools and sockets of a service that do not fit together, in words for the operator: of its master's
 * log and status, and of fpmctl doctor.
 */

#include "base/text.h"

/* A pool for which the service has no socket. */
void advice_put_absent(const char *pool, const char *service, struct text *out);

/* A socket that none of the service's pools uses; and a line that says first that it is one. socket: its name and
 * address, as people read them. */
void advice_put_spare(const char *service, struct text *out);
void advice_put_spare_line(const char *socket, const char *service, struct text *out);
