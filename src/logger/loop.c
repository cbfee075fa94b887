/* SPDX-License-Identifier: MIT */
/*
 * A write to the log may wait (log/out.c), and everything here waits with it: the pipes fill, and then those who
 * write into them wait, the workers of this one generation and the programs that they have started. Nobody else
 * does.
 *
 * Its streams end with their writers, which a worker's end alone is not: a program that it has left in the
 * background still writes. When the master says that the last worker is gone, what is in the pipes by then is the
 * end.
 */

#include "logger/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "logger/stream.h"

#define LOGGER_EVENTS 64

static void logger_drop(struct logger *l, struct stream *s) {
        struct stream **link = &l->streams;

        while (*link != s)
                link = &(*link)->next;
        *link = s->next;
        (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd,
                        NULL); /* the master has a copy, so closing does not end the watch */
        stream_free(s);
}

static int logger_watch(const struct logger *l, int fd, void *what) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

        return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void logger_add(struct logger *l, const struct ipc_message *m, int *fds) {
        static const char *const names[] = { "stdout", "stderr" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const struct stream_setup setup = { .name = names[i],
                                                    .pool = l->pool->name,
                                                    .pid = m->pid,
                                                    .bare = !l->pool->decorate_workers_output,
                                                    .limit = l->conf->global.log_limit };
                struct stream *s = NULL;
                int r = stream_new(&setup, TAKE_FD(fds[i]), &s);

                if (r == 0) {
                        s->next = l->streams;
                        l->streams = s;
                        r = logger_watch(l, s->fd, s);
                        if (r < 0)
                                logger_drop(l, s);
                }
                if (r < 0)
                        log_error("what child %d says into %s is lost: %s", m->pid, names[i], strerror(-r));
        }
}

/* False: nothing waits. */
static bool logger_on_order(struct logger *l) {
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        if (l->orders < 0)
                return false;
        r = ipc_message_receive(l->orders, &m, fds);
        if (r == IPC_E_EMPTY)
                return false;
        if (r == IPC_E_GONE) { /* its death is no reason to end: workers go on as well */
                l->orders = fd_close(l->orders);
                return false;
        }
        if (r < 0)
                log_error("what some child says is lost: %s", strerror(-r));
        else if (m.type == IPC_LOGGER_OUTPUT)
                logger_add(l, &m, fds);
        else if (m.type == IPC_LOG && dup3(fds[0], LOGGER_FD_LOG, O_CLOEXEC) >= 0)
                log_renew_file();
        ipc_message_close_fds(fds);
        return true;
}

/* False: the stream has nothing more, and is gone when it was at its end. */
static bool logger_on_stream(struct logger *l, struct stream *s) {
        int r = stream_read(s);

        if (r == 0 || r == STREAM_E_EMPTY)
                return r == 0;
        logger_drop(l, s);
        return false;
}

static void logger_finish(struct logger *l) {
        l->finishing = true;
        while (logger_on_order(l))
                ;
        while (l->streams) {
                struct stream *s = l->streams;

                while (logger_on_stream(l, s))
                        ;
                if (l->streams == s)
                        logger_drop(l, s); /* somebody in the background has it yet */
        }
}

static void logger_on_signal(struct logger *l) {
        struct signalfd_siginfo info;

        if (read(l->signal_fd, &info, sizeof(info)) == sizeof(info))
                logger_finish(l);
}

/* What was said after the order for a new file goes there, so all orders come first. */
static void logger_handle(struct logger *l, const struct epoll_event *events, int n) {
        while (logger_on_order(l))
                ;
        for (int i = 0; i < n && !l->finishing; i++)
                if (events[i].data.ptr == &l->signal_fd)
                        logger_on_signal(l);
                else if (events[i].data.ptr != &l->orders)
                        (void)logger_on_stream(l, events[i].data.ptr);
}

int logger_run(struct logger *l) {
        struct epoll_event events[LOGGER_EVENTS];
        int r;

        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (l->epoll_fd < 0)
                return -errno;
        r = logger_watch(l, l->orders, &l->orders);
        if (r == 0)
                r = logger_watch(l, l->signal_fd, &l->signal_fd);
        while (r == 0 && !l->finishing && (l->orders >= 0 || l->streams)) {
                int n = epoll_wait(l->epoll_fd, events, LOGGER_EVENTS, -1);

                if (n < 0 && errno != EINTR)
                        r = -errno;
                logger_handle(l, events, n);
        }
        return r;
}
