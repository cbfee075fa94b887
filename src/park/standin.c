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
#include "fcgi/answer.h"
#include "fcgi/reply.h"
#include "log/log.h"
#include "log/peer.h"
#include "park/connection.h"
#include "park/intake.h"
#include "park/receiving.h"
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

/* As workers count them: worker/run.c. */
static uint32_t standin_count_workers(const struct park *park) {
        return park->pool->max_children != CONF_LIMIT_AUTO ? park->pool->max_children
                                                           : park->scoreboard->header.max_children;
}

/* The record at which the scan stands, in the words of a worker. False: c had to be closed. */
static bool standin_answer(struct park *park, struct connection *c) {
        const uint32_t n_workers = standin_count_workers(park);
        const struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT,
                                            .max_conns = n_workers,
                                            .max_reqs = n_workers };
        struct fcgi_answer answer;
        size_t n = c->n_in;
        int r;

        r = fcgi_answer(&c->scan, c->in, n, &limits, &answer);
        if (r == FCGI_ANSWER_E_VIOLATION)
                peer_log_closed(c->fd, LOG_EVENT_PROTOCOL_VIOLATION, "%s",
                                fcgi_decoder_violation_text(answer.violation));
        if (r != 0 || send(c->fd, answer.bytes, answer.n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)answer.n ||
            answer.close) {
                connection_close(park, c);
                return false;
        }
        fcgi_scan_remove(&c->scan, c->in, &c->n_in);
        park->n_bytes -= n - c->n_in;
        return true;
}

/* A request, whole or as much of it as may be here. */
static void standin_refuse(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
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

/* Its client has been answered, and is waited for as long as one that has just connected: a process that only refuses
 * is no place to idle. */
static void standin_wait(struct park *park, struct connection *c) {
        const bool ends = *park->stopping || park->standin.ended;

        if (ends && c->scan.in_request)
                standin_refuse(park, c, c->in, c->n_in);
        else if (ends)
                connection_close(park, c);
        else if (c->n_in > 0)
                receiving_look(park, c, NULL, 0);
        else {
                c->begun = park->now;
                connection_enter(park, c, CONNECTION_FRESH);
                connection_watch(park, c, EPOLLIN | EPOLLRDHUP);
        }
}

/* What is asked beside requests takes no PHP: n bytes at in. */
static void standin_answer_all(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        enum fcgi_scan_verdict verdict = FCGI_SCAN_ANSWER;

        if (in != c->in && !receiving_store(park, c, in, n))
                return;
        while (verdict == FCGI_SCAN_ANSWER) {
                if (!standin_answer(park, c))
                        return;
                verdict = fcgi_scan(&c->scan, c->in, c->n_in);
        }
        if (verdict == FCGI_SCAN_MORE)
                standin_wait(park, c);
        else
                standin_refuse(park, c, c->in, c->n_in);
}

static void standin_take(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        if (fcgi_scan(&c->scan, in, n) == FCGI_SCAN_ANSWER)
                standin_answer_all(park, c, in, n);
        else
                standin_refuse(park, c, in, n);
}

int standin_begin(struct park *park, int first, size_t n) {
        int r = intake_allow(park, &park->standin.allow);

        if (r < 0)
                return r;
        park->standin.listeners = calloc(n, sizeof(int));
        if (!park->standin.listeners)
                return -ENOMEM;
        park->standin.n_listeners = n;
        park->standin.answer = standin_take;
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
