/* SPDX-License-Identifier: MIT */
#pragma once
/* Syslog's own protocol, at /dev/log: what error_log = syslog means where there is no journal, as in a container that
 * has its host's /dev/log. One entry, one datagram, as php-fpm's. */

#include <stdbool.h>

#include "base/text.h"
#include "base/time.h"
#include "log/entry.h"

/* A datagram socket connected to it, close-on-exec. The descriptor or -errno. */
int log_syslog_connect(void);

/* The same for one that has lost its daemon, and for all who share it. 0 or -errno. */
int log_syslog_connect_again(int fd);

/* Whether fd is such a socket, also in a process that has inherited it. */
bool log_syslog_is(int fd);

/* Appends "<29>Nov 21 20:46:42 php-fpm[123]: [NOTICE] [pool www] text". pool may be NULL or "". */
void log_syslog_format(const struct log_identity *who, const char *pool, usec_t wall, const struct log_entry *entry,
                       struct text *out);
