/* SPDX-License-Identifier: MIT */
#pragma once
/* What a park's master tells it by signals; everything else it is told in ipc/message.h. */

#include <signal.h>

#define PARK_SIGNAL_FINISH SIGTERM /* the pool stops: finish what is here, and end */
#define PARK_SIGNAL_RETIRE SIGUSR1 /* another park takes what comes from now on; end with the last connection */
