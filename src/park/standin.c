/* SPDX-License-Identifier: MIT */
/* See standin.h. Who connects, and how long one may take for a request, is bounded as it is in a park. */

#include "park/standin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "fcgi/reply.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/intake.h"
#include "park/writing.h"

/* When it is tried again at the latest, in seconds: SCALE_DELAY_LONGEST of pool/scale.h. */
static const char standin_text[] = "Status: 503 Service Unavailable\r\n"
                                   "Retry-After: 10\r\n"
                                   "Content-type: text/html; charset=UTF-8\r\n"
                                   "\r\n"
                                   "Service unavailable.\n";

static int standin_watch(struct park *park, int *listener) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = listener };

        return epoll_ctl(park->epoll_fd, EPOLL_CTL_ADD, *listener, &event) < 0 ? -errno : 0;
}

static void standin_leave_listener(struct park *park, int listener) {
        epoll_ctl(park->epoll_fd, EPOLL_CTL_DEL, listener, NULL);
}

/* One for each event, so it never waits, whatever the listener's flags. */
static void standin_accept(struct park *park, int listener) {
        struct handover note = { .flags = HANDOVER_KEEP, .begun = park->now };
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0 && allow_admits(&park->standin.allow, fd, NULL))
                intake_add(park, &note, fd);
        else if (fd >= 0)
                close(fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM || errno == EINVAL) {
                log_error("clients wait for the next try to start PHP: %s", strerror(errno));
                standin_leave_listener(park, listener);
        }
}

bool standin_on_event(struct park *park, const void *what) {
        for (size_t i = 0; i < park->standin.n_listeners; i++)
                if (what == &park->standin.listeners[i]) {
                        if (!park->standin.ended)
                                standin_accept(park, park->standin.listeners[i]);
                        return true;
                }
        return false;
}

/* A request, whole or as much of it as may be here. */
static void standin_request(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        uint8_t out[FCGI_REPLY_WHOLE_SIZE(sizeof(standin_text) - 1)];
        struct handover note = { .flags = HANDOVER_LINGER };
        struct fcgi_header begin = {};

        if (n >= c->scan.first + FCGI_HEADER_SIZE)
                fcgi_record_decode_header(in + c->scan.first, &begin);
        if (!c->scan.in_request || begin.type != FCGI_BEGIN_REQUEST) {
                connection_close(park, c); /* it has sent what is no request, or has taken it back */
                return;
        }
        park->standin.n++;
        atomic_fetch_add_explicit(&park->overload[SCOREBOARD_OVERLOAD_unserved], 1, memory_order_relaxed);
        connection_watch(park, c, 0);
        c->flags = note.flags;
        note.n_out = (uint32_t)fcgi_reply_whole(out, begin.request_id, standin_text, sizeof(standin_text) - 1);
        writing_begin(park, c, &note, out);
}

int standin_begin(struct park *park, int first, size_t n) {
        int r = intake_allow(park, &park->standin.allow);

        if (r < 0)
                return r;
        park->standin.listeners = calloc(n, sizeof(int));
        if (!park->standin.listeners)
                return -ENOMEM;
        park->standin.n_listeners = n;
        park->standin.answer = standin_request;
        park->numbers = &park->standin.numbers; /* those in the scoreboard are the park's */
        for (size_t i = 0; i < n && r == 0; i++) {
                park->standin.listeners[i] = first + (int)i;
                r = standin_watch(park, &park->standin.listeners[i]);
        }
        return r;
}

bool standin_serves(const struct park *park) {
        return park->standin.answer && !park->standin.ended;
}

void standin_end(struct park *park) {
        if (!standin_serves(park))
                return;
        for (size_t i = 0; i < park->standin.n_listeners; i++) {
                standin_leave_listener(park, park->standin.listeners[i]);
                close(park->standin.listeners[i]);
        }
        if (park->standin.n > 0)
                log_warning("%llu requests were answered with 503, as %s", (unsigned long long)park->standin.n,
                            *park->stopping ? "the pool stops, and nobody was there to serve them"
                                            : "PHP does not start");
        park->standin.ended = true;
}
