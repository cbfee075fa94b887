/* SPDX-License-Identifier: MIT */
/*
 * systemd says that it runs us by SYSTEMD_SCOPE=, systemd.generator(7).
 *
 * The journal's socket is there before journald is, and systemd would start journald only when this process has ended:
 * so a datagram is sent if there is room for it now. OBJECT_SYSTEMD_UNIT= has "journalctl -u fpmd@NAME" show it, which
 * takes that from root alone.
 */

#include "report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/printable.h"
#include "base/text.h"

#define NAME "fpmd-generator"

static bool report_to_journal(const char *unit, const char *line) {
        static const struct sockaddr_un journal = { AF_UNIX, "/run/systemd/journal/socket" };
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _cleanup_text_ struct text entry = {};

        text_printf(&entry, "PRIORITY=4\nSYSLOG_IDENTIFIER=" NAME "\nMESSAGE=%s\n", line);
        if (unit)
                text_printf(&entry, "OBJECT_SYSTEMD_UNIT=%s\n", unit);
        return fd >= 0 && !entry.failed &&
               sendto(fd, text_peek(&entry), entry.n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&journal,
                      sizeof(journal)) >= 0;
}

static void report_to_kernel(const char *line) {
        _cleanup_fd_ int fd = open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        _cleanup_text_ struct text record = {};

        text_printf(&record, "<4>" NAME ": %s\n", line);
        if (fd >= 0 && !record.failed && write(fd, text_peek(&record), record.n) < 0)
                return; /* there is nobody else to tell */
}

void report_lines(const char *unit, const char *lines) {
        while (*lines) {
                size_t n = strcspn(lines, "\n");
                _cleanup_text_ struct text line = {};

                printable_append(&line, lines, n, PRINTABLE_LOG);
                fprintf(stderr, NAME ": %s\n", text_peek(&line));
                if (getenv("SYSTEMD_SCOPE") && !report_to_journal(unit, text_peek(&line)))
                        report_to_kernel(text_peek(&line));
                lines += n;
                lines += *lines == '\n';
        }
}

/* Made beforehand, since a handler may only write(2). */
static char late[4096] = "<4>" NAME ": it took too long\n";

void report_begin(const char *file) {
        _cleanup_text_ struct text shown = {};

        printable_append(&shown, file, strlen(file), PRINTABLE_LOG);
        snprintf(late, sizeof(late), "<4>" NAME ": [%.3500s] it took too long: pools after it have no units\n",
                 text_peek(&shown));
}

_noreturn_ void report_late(_unused_ int signal_number) {
        int fd = getenv("SYSTEMD_SCOPE") ? open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
        size_t n = strlen(late);

        if (write(STDERR_FILENO, late + 3, n - 3) < 0 || (fd >= 0 && write(fd, late, n) < 0))
                _exit(EXIT_FAILURE);
        _exit(EXIT_FAILURE);
}
