/* SPDX-License-Identifier: MIT */
/*
 * Sockets are watched edge-triggered and once: sending and reading go on until the kernel has no more, or until the
 * reply has ended, so a request over a kept connection is a send, a wait and a read.
 *
 * A server may close a kept connection whenever no request is in hand, also while the next one is already on its way.
 * As web servers do, that request is sent once more on a fresh connection if not a byte of a reply had come. It is
 * counted and described, since a web server does so only with what may be done twice (RFC 9110, 9.2.2): its answer to a
 * POST would be 502.
 *
 * A request that is given up gets no reply that could be waited for, but what has come of one must be right all the
 * same.
 */

#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/time.h"

#define CONNECT_AGAIN_NSEC (1000ULL * 1000ULL)

enum step { STEP_ON, STEP_WAIT, STEP_DONE };

static void connection_drop_socket(struct load_connection *c) {
        c->fd = fd_close(c->fd);
        c->watched = 0;
        c->hung_up = false;
        c->n_on_socket = 0;
        c->client = (struct fcgi_client){};
}

void load_connection_done(struct load_connection *c) {
        connection_drop_socket(c);
        c->busy = false;
}

/* keep: the conversation has come to its regular end, so another may follow. */
static enum step connection_finish(struct load_connection *c, enum load_outcome outcome, bool keep) {
        c->busy = false;
        c->wake = 0;
        c->outcome = outcome;
        c->n_on_socket++;
        if (outcome == LOAD_OUTCOME_OK)
                c->n_replies++;
        if (!keep || !c->job.keep || c->hung_up || c->send_broken || c->n_sent < c->job.n)
                connection_drop_socket(c);
        return STEP_DONE;
}

void load_connection_give_up(struct load_connection *c, enum load_outcome outcome) {
        connection_finish(c, outcome, false);
}

/* The server was not sent the whole request, so its reply may be cut short. Who leaves while it reads has sent all of
 * it. */
static bool connection_is_cut(const struct load_connection *c) {
        return c->job.plan.abort == LOAD_ABORT_RECORD || c->job.plan.abort == LOAD_ABORT_CLOSE;
}

/* How a request ends that was given up. */
static enum load_outcome connection_judge_part(const struct load_connection *c) {
        enum load_outcome outcome = load_reply_judge_part(&c->reply);

        return outcome == LOAD_OUTCOME_OK ? LOAD_OUTCOME_ABORTED : outcome;
}

static enum step connection_rest(struct load_connection *c, struct load_channel *ch, uint64_t until) {
        c->wake = until;
        ch->next_wake = MIN(ch->next_wake, until);
        return STEP_WAIT;
}

/* Room to write is of interest only after there was none: a unix socket tells of it each time its peer has read. */
static enum step connection_watch(struct load_connection *c, const struct load_channel *ch) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };

        if (c->n_sent < c->job.n)
                event.events |= EPOLLOUT;
        if ((c->watched & event.events) == event.events)
                return STEP_ON;
        if (epoll_ctl(ch->epoll, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) < 0)
                return connection_finish(c, LOAD_OUTCOME_CONNECT, false);
        c->watched = event.events;
        return STEP_ON;
}

/* The connection is being made. Event loops (nginx, HAProxy, Envoy) send when they are told of its end; until then the
 * server may have it and finds nothing to read. */
static enum step connection_await_room(struct load_connection *c, const struct load_channel *ch) {
        enum step step = connection_watch(c, ch);

        return step == STEP_ON ? STEP_WAIT : step;
}

static enum step connection_open_socket(struct load_connection *c, struct load_channel *ch, uint64_t now) {
        const int on = 1;
        bool pending = false;

        c->fd = socket(ch->target->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return connection_finish(c, LOAD_OUTCOME_CONNECT, false);
        if (ch->no_delay)
                (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(c->fd, &ch->target->sa, ch->target->n) < 0) {
                pending = errno == EINPROGRESS;
                if (!pending &&
                    errno != EAGAIN) /* of a unix listener: its queue is full, and no event will tell of room */
                        return connection_finish(c, LOAD_OUTCOME_CONNECT, false);
                if (!pending) {
                        connection_drop_socket(c);
                        return connection_rest(c, ch, now + CONNECT_AGAIN_NSEC);
                }
        }
        ch->n_opened++;
        fcgi_client_begin(&c->client, LOAD_REQUEST_ID);
        return pending && ch->waits_for_room ? connection_await_room(c, ch) : STEP_ON;
}

/* How many bytes the next write may have. */
static size_t connection_draw_piece(struct load_connection *c) {
        struct load_plan *p = &c->job.plan;
        size_t n = c->job.n - c->n_sent;

        return p->piece_max > 0 ? MIN(n, 1 + load_chaos_random(&p->random) % p->piece_max) : n;
}

static enum step connection_send_request(struct load_connection *c, struct load_channel *ch, uint64_t now) {
        struct load_plan *p = &c->job.plan;

        while (c->n_sent < c->job.n && !c->send_broken) {
                ssize_t n = send(c->fd, c->job.bytes + c->n_sent, connection_draw_piece(c), MSG_NOSIGNAL);

                if (n < 0 && errno == EAGAIN)
                        return STEP_ON;
                if (n < 0 && errno == ECONNREFUSED)
                        return connection_finish(c, LOAD_OUTCOME_CONNECT, false);
                if (n < 0) { /* a reply may have come before */
                        c->send_broken = true;
                        break;
                }
                c->n_sent += (size_t)n;
                if (p->pause_max > 0 && c->n_sent < c->job.n)
                        return connection_rest(c, ch, now + load_chaos_random(&p->random) % p->pause_max);
        }
        if (p->abort == LOAD_ABORT_CLOSE)
                return connection_finish(c, connection_judge_part(c), false);
        return STEP_ON;
}

static struct load_retry_request connection_describe(const struct load_connection *c) {
        return (struct load_retry_request){
                .number = c->job.number, .n = c->job.n, .n_sent = c->n_sent, .plan = c->job.plan
        };
}

static enum step connection_try_again(struct load_connection *c, struct load_channel *ch, int error, uint64_t now) {
        load_retry_add(&ch->retries, &(struct load_retry){ .at = now - ch->began,
                                                           .connection = c->number,
                                                           .n_carried = c->n_on_socket,
                                                           .idle = c->began - c->ended,
                                                           .waited = now - c->began,
                                                           .error = error,
                                                           .before = c->before,
                                                           .request = connection_describe(c) });
        connection_drop_socket(c);
        c->n_sent = 0;
        c->send_broken = false;
        c->retried = true;
        return STEP_ON;
}

static enum step end_of_connection(struct load_connection *c, struct load_channel *ch, int error, uint64_t now) {
        if (connection_is_cut(c))
                return connection_finish(c, connection_judge_part(c), false);
        if (c->http.state == LOAD_HTTP_CLOSE && error == 0)
                return connection_finish(c, load_reply_judge(&c->reply), false);
        if (c->n_on_socket == 0 || c->n_received > 0 || c->retried)
                return connection_finish(c, error == ECONNREFUSED ? LOAD_OUTCOME_CONNECT : LOAD_OUTCOME_CLOSED, false);
        return connection_try_again(c, ch, error, now);
}

static enum step connection_end_of_reply(struct load_connection *c, uint8_t status) {
        bool headless = c->reply.n_head == 0; /* where the request was given up before its script began */
        enum load_outcome outcome;

        if (status != FCGI_REQUEST_COMPLETE)
                outcome = LOAD_OUTCOME_REFUSED;
        else if (connection_is_cut(c) && (headless || c->reply.status > 0))
                outcome = connection_judge_part(c);
        else
                outcome = load_reply_judge(&c->reply);
        return connection_finish(c, outcome, !c->http.closes);
}

static enum step connection_take_stdout(struct load_connection *c, const uint8_t *data, size_t n) {
        size_t used = 0;

        if (c->reply.status == 0) {
                used = load_reply_head(&c->reply, data, n);
                if (used == 0)
                        return connection_finish(c, LOAD_OUTCOME_PROTOCOL, false);
        }
        if (used < n)
                load_reply_body(&c->reply, data + used, n - used);
        return STEP_ON;
}

static enum step connection_take_fastcgi(struct load_connection *c, const uint8_t *data, size_t n) {
        enum step step = STEP_ON;
        bool ended = false;
        uint8_t status = 0;

        while (step == STEP_ON) {
                struct fcgi_client_event event;
                size_t used;

                fcgi_client_step(&c->client, data, n, &used, &event);
                data += used;
                n -= used;
                if (event.type == FCGI_CLIENT_MORE)
                        break;
                if (event.type == FCGI_CLIENT_VIOLATION)
                        return connection_finish(c, LOAD_OUTCOME_PROTOCOL, false);
                if (event.type == FCGI_CLIENT_STDOUT)
                        step = connection_take_stdout(c, event.data, event.n);
                if (event.type == FCGI_CLIENT_END) { /* its padding may follow */
                        ended = true;
                        status = event.status;
                }
        }
        return step == STEP_ON && ended ? connection_end_of_reply(c, status) : step;
}

static enum step connection_take(struct load_connection *c, const struct load_channel *ch, const uint8_t *data,
                                 size_t n) {
        enum load_http_state state;

        if (ch->protocol == LOAD_PROTOCOL_FASTCGI)
                return connection_take_fastcgi(c, data, n);
        state = load_http_take(&c->http, &c->reply, data, n);
        if (state == LOAD_HTTP_BROKEN)
                return connection_finish(c, LOAD_OUTCOME_PROTOCOL, false);
        return state == LOAD_HTTP_DONE ? connection_end_of_reply(c, FCGI_REQUEST_COMPLETE) : STEP_ON;
}

/* Whether a client that gives up while it reads has read enough. */
static bool connection_is_tired(const struct load_connection *c) {
        const struct load_job *j = &c->job;

        return j->plan.abort == LOAD_ABORT_CLOSE_READING &&
               c->n_received >= (j->expect.n[0] + j->expect.n[1]) * j->plan.abort_per_mille / 1000;
}

static enum step connection_read_reply(struct load_connection *c, struct load_channel *ch, uint64_t now) {
        const struct load_plan *p = &c->job.plan;
        enum step step = STEP_ON;

        while (step == STEP_ON) {
                ssize_t n = recv(c->fd, ch->buffer, p->read_max > 0 ? MIN(p->read_max, ch->n_buffer) : ch->n_buffer, 0);

                if (n < 0 && errno == EAGAIN)
                        return STEP_WAIT;
                if (n <= 0)
                        return end_of_connection(c, ch, n < 0 ? errno : 0, now);
                c->n_received += (uint64_t)n;
                step = connection_take(c, ch, ch->buffer, (size_t)n);
                if (step == STEP_ON && connection_is_tired(c))
                        return connection_finish(c, connection_judge_part(c), false);
                if (step == STEP_ON && p->read_pause > 0)
                        return connection_rest(c, ch, now + p->read_pause);
        }
        return step;
}

/* Right after a request was sent at once there is nothing to read: look is false then. */
static bool connection_go(struct load_connection *c, struct load_channel *ch, uint64_t now, bool look) {
        enum step step = STEP_ON;

        while (step == STEP_ON) { /* once more when a kept connection turns out to be closed */
                if (c->fd < 0)
                        step = connection_open_socket(c, ch, now);
                if (step == STEP_ON)
                        step = connection_send_request(c, ch, now);
                if (step == STEP_ON)
                        step = connection_watch(c, ch);
                if (step == STEP_ON && !look && !c->send_broken)
                        return false;
                if (step == STEP_ON)
                        step = connection_read_reply(c, ch, now);
        }
        if (step == STEP_DONE) {
                c->ended = now;
                c->before = connection_describe(c);
        }
        return step == STEP_DONE;
}

bool load_connection_go(struct load_connection *c, struct load_channel *ch, uint32_t events, uint64_t now) {
        /* Told once, and perhaps together with a reply that is whole: nobody would tell the next request. */
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                c->hung_up = true;
        if (c->wake > now)
                return false;
        c->wake = 0;
        return connection_go(c, ch, now, true);
}

bool load_connection_begin(struct load_connection *c, struct load_channel *ch, const struct load_job *job,
                           uint64_t now) {
        c->job = *job;
        c->busy = true;
        c->retried = false;
        c->send_broken = false;
        c->n_sent = 0;
        c->n_received = 0;
        c->began = now;
        c->deadline = now + ch->timeout;
        c->http = (struct load_http){};
        load_reply_begin(&c->reply, &c->job.expect);
        if (c->fd >= 0)
                fcgi_client_begin(&c->client, LOAD_REQUEST_ID);
        return connection_go(c, ch, now, false);
}

void load_connection_look(struct load_connection *c) {
        char byte;

        if (recv(c->fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN)
                connection_drop_socket(c);
}
