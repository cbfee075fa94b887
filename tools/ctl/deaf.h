/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Socket units that are up, and do not listen. A daemon-reload closes the socket of a unit whose address has changed,
 * leaves the unit active, and opens nothing: systemd says so in its journal alone, and is-active says yes. That of any
 * unit does it for all, so one that is asked for looks after the others.
 */

#include "unitlist.h"

/* After a daemon-reload: has systemd make such sockets anew, and says so, that of the unit ("fpmd@NAME.socket") also
 * where its file has other rights than the unit says; of others those that have no service that goes on with the old
 * one, which are told. unit: NULL for no such unit. An exit code. */
int deaf_mend(const char *unit);
