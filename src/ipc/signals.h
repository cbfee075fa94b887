/* SPDX-License-Identifier: MIT */
#pragma once
/* What a park's and a logger's master tells it by signals; everything else it is told in ipc/message.h. Under php-fpm's
 * name they are called as the master is, and get what killall(1) sends to that name: nobody sends SIGURG. */

#include <signal.h>

#define PARK_SIGNAL_FINISH SIGTERM /* the pool stops: finish what is here, and end */
#define PARK_SIGNAL_RETIRE SIGURG  /* another park takes what comes from now on; end with the last connection */

/* No worker is left: what is in the pipes is logged, and the logger ends. */
#define LOGGER_SIGNAL_FINISH SIGURG
