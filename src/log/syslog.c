/* SPDX-License-Identifier: MIT */
/*
 * Not syslog(3), which waits without end for a daemon that takes nothing. A daemon that starts anew makes another
 * socket under the name: who finds that out connects the description that all share, the master for those in a chroot.
 *
 * What tells its socket from the journal's, also to a process that has inherited it, is a name of its own.
 */

#include "log/syslog.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/journal.h"
#include "log/line.h"

static const struct sockaddr_un syslog_address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };

int log_syslog_connect(void) {
        static const sa_family_t any_name = AF_UNIX; /* bind(2) to that alone: the kernel finds a name */
        _cleanup_fd_ int fd = log_journal_connect(syslog_address.sun_path);

        if (fd >= 0 && bind(fd, (const struct sockaddr *)&any_name, sizeof(any_name)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int log_syslog_connect_again(int fd) {
        return connect(fd, (const struct sockaddr *)&syslog_address, sizeof(syslog_address)) < 0 ? -errno : 0;
}

bool log_syslog_is(int fd) {
        struct sockaddr_un sa;
        socklen_t n = sizeof(sa);

        return fd >= 0 && getsockname(fd, (struct sockaddr *)&sa, &n) == 0 && n > sizeof(sa.sun_family);
}

void log_syslog_format(const struct log_identity *who, const char *pool, usec_t wall, const struct log_entry *entry,
                       struct text *out) {
        text_printf(out, "<%d>", who->facility | log_line_priority(entry->level));
        log_line_syslog_time(wall, out);
        text_printf(out, "%s[%d]: ", who->ident, getpid());
        if (!entry->bare)
                text_printf(out, "[%s] ", log_line_label(entry->level));
        if (!entry->bare && pool && *pool)
                text_printf(out, "[pool %s] ", pool);
        log_line_escape(entry->message ?: "", out);
}
