/* SPDX-License-Identifier: MIT */
/*
 * What workers of a pool with worker.script say of their boot: PHP runs in them by then, so they have no message
 * socket, but a pipe each, of packets, and can speak for nobody else. The zygote passes it on.
 *
 * A worker that hangs in its boot is ended by PHP's own limit, which can say where it was, and killed if that does not
 * help.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "log/log.h"
#include "zygote/zygote.h"

#define BOOT_WARMING 'W'
#define BOOT_READY   'R'
#define BOOT_FAILED  'F' /* and why */
#define BOOT_COLD    'C'

/* For PHP's limit. */
#define BOOT_KILL_DELAY (5 * USEC_PER_SEC)

int boot_open(const struct zygote *z, int ret_ends[static 2]) {
        if (!z->pool->worker_script || conf_model_forks(z->pool))
                return 0;
        return pipe2(ret_ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT) < 0 ? -errno : 0;
}

static void boot_say(int fd, char what) {
        (void)!write(fd, &what, 1);
}

void boot_say_warming(int fd) {
        boot_say(fd, BOOT_WARMING);
}

void boot_say_ready(int fd) {
        boot_say(fd, BOOT_READY);
}

void boot_say_cold(int fd) {
        boot_say(fd, BOOT_COLD);
}

/* At most PIPE_BUF: one piece. */
void boot_say_failed(int fd, const char *why) {
        char text[IPC_TEXT_MAX + 1];
        int n = snprintf(text, sizeof(text), "%c%s", BOOT_FAILED, why);

        (void)!write(fd, text, MIN((size_t)n, sizeof(text) - 1));
}

static void boot_tell_failed(struct zygote *z, const struct zygote_child *c, const char *why) {
        struct ipc_message m = { .type = IPC_BOOT_FAILED, .slot = c->slot, .pid = c->pid };

        snprintf(m.text, sizeof(m.text), "%s", why);
        if (z->ipc < 0)
                log_error("child %d: %s", c->pid, why);
        spawn_tell(z, &m, NULL);
}

bool boot_is_first(const struct zygote *z) {
        return z->scoreboard->header.generation < z->generation;
}

bool boot_refuses_cold(const struct zygote *z) {
        return z->is_reload && boot_is_first(z);
}

/* Its worker cannot say so itself. */
static void boot_lose(struct zygote *z, const struct zygote_child *c, const char *why) {
        if (c->warming && !boot_is_first(z)) {
                log_warning("child %d: %s; the next ones have no such request", c->pid, why);
                z->cold = true;
        } else
                boot_tell_failed(z, c, why);
}

/* Each read is one thing said. False: it has not said its last yet. */
static bool boot_hear(struct zygote *z, struct zygote_child *c) {
        char text[IPC_TEXT_MAX + 1];
        ssize_t n;

        do {
                n = read(c->boot, text, sizeof(text) - 1);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return false;
                text[MAX(n, 0)] = '\0';
                c->warming |= text[0] == BOOT_WARMING;
        } while (text[0] == BOOT_WARMING);
        if (text[0] == BOOT_READY)
                spawn_tell(z, &(struct ipc_message){ .type = IPC_ACCEPTING, .slot = c->slot, .pid = c->pid }, NULL);
        else if (text[0] == BOOT_FAILED)
                boot_tell_failed(z, c, text + 1);
        else if (n == 0 && c->warming)
                boot_lose(z, c, "worker.warmup[]: its process has died in a request");
        z->cold |= text[0] == BOOT_COLD;
        return true; /* or it is about to be reaped */
}

static void boot_end(struct zygote *z, const struct zygote_child *c) {
        char why[160];

        snprintf(why, sizeof(why), "%s within %" PRIu64 " s (worker.boot_timeout); killed",
                 c->warming ? "worker.warmup[]: a request has no answer" : "worker.script has not booted",
                 z->pool->worker_boot_timeout / USEC_PER_SEC);
        boot_lose(z, c, why);
        kill(c->pid, SIGKILL);
}

usec_t boot_watch(struct zygote *z, usec_t now) {
        usec_t next = USEC_INFINITY;

        for (size_t i = 0; i < z->n_children; i++) {
                struct zygote_child *c = &z->children[i];
                usec_t due = c->boot_until + BOOT_KILL_DELAY;

                if (c->boot < 0)
                        continue;
                if (boot_hear(z, c))
                        c->boot = fd_close(c->boot);
                else if (now >= due) {
                        boot_end(z, c);
                        c->boot = fd_close(c->boot);
                } else
                        next = MIN(next, due);
        }
        return next;
}

size_t boot_poll(const struct zygote *z, struct pollfd *p) {
        size_t n = 0;

        for (size_t i = 0; i < z->n_children; i++)
                if (z->children[i].boot >= 0)
                        p[n++] = (struct pollfd){ .fd = z->children[i].boot, .events = POLLIN };
        return n;
}
