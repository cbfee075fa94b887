/* SPDX-License-Identifier: MIT */
/* The way to the master, and what to say when it does not answer: always which socket, and why. */

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/fd.h"
#include "ctl.h"
#include "ipc/exchange.h"

#define MASTERS_MAX 8
#define UNIT_MAX    300

/* Instances and Debian's php-fpm have folders beside fpmd's. */
static void master_tell_others(const char *path) {
        static const char *const patterns[] = { "fpmd-*", "php*-fpm" };
        const char *file = strrchr(path, '/');
        const char *folder = file && file > path ? memrchr(path, '/', (size_t)(file - path)) : NULL;
        glob_t found = {};

        for (size_t i = 0; folder && i < ELEMENTSOF(patterns); i++) {
                _cleanup_text_ struct text pattern = {};

                text_printf(&pattern, "%.*s/%s%s", (int)(folder - path), path, patterns[i], file);
                if (!pattern.failed)
                        glob(text_peek(&pattern), i > 0 ? GLOB_APPEND : 0, NULL, &found);
        }
        for (size_t i = 0; i < found.gl_pathc && i < MASTERS_MAX; i++)
                ctl_print_error("another one: fpmctl --runtime-dir %.*s",
                                (int)(strrchr(found.gl_pathv[i], '/') - found.gl_pathv[i]), found.gl_pathv[i]);
        if (found.gl_pathc > MASTERS_MAX)
                ctl_print_error("and %zu more; fpmctl list shows them", found.gl_pathc - MASTERS_MAX);
        globfree(&found);
}

/* "/run/fpmd-NAME/control" is of fpmd@NAME.service; other folders have the service's name. */
static const char *master_unit(const char *path, char buf[static UNIT_MAX]) {
        const char *file = strrchr(path, '/');
        const char *folder = file && file > path ? memrchr(path, '/', (size_t)(file - path)) : NULL;
        int n = folder ? (int)(file - folder) - 1 : 0;

        if (n == 0)
                snprintf(buf, UNIT_MAX, "fpmd.service");
        else if (text_has_prefix(folder, "/fpmd-"))
                snprintf(buf, UNIT_MAX, "fpmd@%.*s.service", n - (int)strlen("fpmd-"), folder + strlen("/fpmd-"));
        else
                snprintf(buf, UNIT_MAX, "%.*s.service", n, folder + 1);
        return buf;
}

static int master_tell_silent(const char *path) {
        char unit[UNIT_MAX];

        ctl_print_error("the master did not answer in time on %s: ps -o pid,stat,wchan,args -C fpmd shows whether "
                        "somebody has stopped it (state T: kill -CONT PID) or it waits for a disk (D); else systemctl "
                        "restart %s",
                        path, master_unit(path, unit));
        return -CTL_EXIT_UNAVAILABLE;
}

static int tell_no_master(const char *path, int error) {
        const struct passwd *owner;
        char unit[UNIT_MAX];
        struct stat st;

        switch (error) {
        case ENOENT:
                ctl_print_error(
                        "no master answers: there is no socket %s (fpmd is not running, or has another --runtime-dir): "
                        "systemctl start %s starts it, sudo fpmctl doctor says why it does not start",
                        path, master_unit(path, unit));
                master_tell_others(path);
                break;
        case ECONNREFUSED:
                ctl_print_error(
                        "no master answers: nobody serves %s any more (fpmd has ended): journalctl -u %s -e says "
                        "why, systemctl restart %s starts another one",
                        path, master_unit(path, unit), unit);
                break;
        case EACCES:
                owner = stat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;
                ctl_print_error(
                        "no permission to ask the master: %s is for user %s alone; ask as that user, or as root", path,
                        owner ? owner->pw_name : "root");
                break;
        case EAGAIN:
                return master_tell_silent(path);
        default:
                ctl_print_error("no master answers on %s: %s", path, strerror(error));
        }
        return -CTL_EXIT_UNAVAILABLE;
}

static int master_connect(const struct ctl *ctl, usec_t timeout) {
        struct timeval tv = { .tv_sec = (time_t)(timeout / USEC_PER_SEC),
                              .tv_usec = (suseconds_t)(timeout % USEC_PER_SEC) };
        _cleanup_fd_ int fd = ipc_exchange_connect(ctl->socket, timeout);

        if (fd < 0)
                return tell_no_master(ctl->socket, -fd);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
                return tell_no_master(ctl->socket, errno);
        return TAKE_FD(fd);
}

/* What went wrong after the connection stood. */
static int master_tell_lost(const struct ctl *ctl, int error) {
        char unit[UNIT_MAX];

        switch (error) {
        case EAGAIN:
                return master_tell_silent(ctl->socket);
        case EPIPE:
        case ECONNRESET:
                ctl_print_error("the master closed %s before it answered: it has ended meanwhile, journalctl -u %s -e "
                                "says why",
                                ctl->socket, master_unit(ctl->socket, unit));
                break;
        case EPROTONOSUPPORT:
                ctl_print_error(
                        "the master on %s speaks another version of the protocol: fpmd and fpmctl are of different "
                        "builds; restart fpmd",
                        ctl->socket);
                break;
        case EPROTO:
                ctl_print_error("who answers on %s is not fpmd", ctl->socket);
                break;
        default:
                ctl_print_error("%s: %s", ctl->socket, strerror(error));
        }
        return -CTL_EXIT_UNAVAILABLE;
}

static int master_send(const struct ctl *ctl, int fd, const struct ipc_control_message *m) {
        int r;

        r = ipc_exchange_send(fd, m);
        return r < 0 ? master_tell_lost(ctl, -r) : 0;
}

static int master_receive(const struct ctl *ctl, int fd, struct ipc_control_message *ret) {
        int r;

        r = ipc_exchange_receive(fd, ret);
        if (r < 0)
                return master_tell_lost(ctl, -r);
        return r == IPC_EXCHANGE_E_CLOSED ? master_tell_lost(ctl, EPIPE) : 0;
}

int ctl_master_ask(const struct ctl *ctl, usec_t timeout, const struct ipc_control_message *request,
                   const struct ctl_answer *answer) {
        _cleanup_fd_ int fd = master_connect(ctl, timeout);
        int r;

        if (fd < 0)
                return fd;
        r = master_send(ctl, fd, request);
        if (r < 0)
                return r;
        do {
                _cleanup_control_message_ struct ipc_control_message m = {};

                r = master_receive(ctl, fd, &m);
                if (r == 0)
                        r = answer->take(&m, answer->userdata);
        } while (r > 0);
        return r;
}

/* userdata: the order's name. */
static int master_take_outcome(struct ipc_control_message *m, void *userdata) {
        const char *name = userdata;

        switch (m->type) {
        case IPC_CONTROL_DONE:
                puts(m->result.text);
                return 0;
        case IPC_CONTROL_REFUSED:
                ctl_print_error("%s refused: %s", name, m->result.text);
                return -CTL_EXIT_FAILED;
        default:
                ctl_print_error("the master answered %s with '%s'", name, ipc_control_type_name(m->type));
                return -CTL_EXIT_FAILED;
        }
}

int ctl_master_order(const struct ctl *ctl, usec_t timeout, const struct ipc_control_message *order) {
        const struct ctl_answer answer = { master_take_outcome, (void *)ipc_control_type_name(order->type) };

        return -ctl_master_ask(ctl, timeout, order, &answer);
}
