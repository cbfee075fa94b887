/* SPDX-License-Identifier: MIT */
/*
 * Clients speak FastCGI, or HTTP/1.x, or HAProxy's agent-check: their first byte tells (status/http.h).
 *
 * The master reads clients' bytes here and nowhere else, so all is bounded: how large a request may be, how long each
 * step of one may take. A connection is read once per turn of the event loop, and is not read from while a reply to it
 * waits. Nothing waits for a client, nor for a worker: the scoreboard is read as it is.
 *
 * A reply that ends its connection is followed by a closed sending side, and what the client still sends is thrown away
 * for a while: closing with unread bytes would reset the connection, and could take the reply with it.
 *
 * Where there is no room for one more, the one that has let itself be waited for the longest makes room: clients that
 * connect and say nothing keep no probe out.
 *
 * The settings are those of the generation that serves, so page and workers change in the same moment.
 */

#include "master/statusclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nowait.h"
#include "base/text.h"
#include "base/time.h"
#include "fcgi/decoder.h"
#include "fcgi/record.h"
#include "fcgi/reply.h"
#include "log/log.h"
#include "log/peer.h"
#include "master/healthpage.h"
#include "status/http.h"
#include "status/page.h"

#define STATUSCLIENT_PARAMS_MAX  (128U * 1024U)
#define STATUSCLIENT_LIMIT       (10 * USEC_PER_SEC) /* for a whole request, and for a whole reply to go */
#define STATUSCLIENT_LINGER      (2 * USEC_PER_SEC)
#define STATUSCLIENT_CONTENT_MAX 65528U /* of a record, the most that needs no padding */

enum statusclient_protocol { STATUSCLIENT_UNKNOWN, STATUSCLIENT_FASTCGI, STATUSCLIENT_HTTP };
enum statusclient_state { STATUSCLIENT_READS, STATUSCLIENT_WRITES, STATUSCLIENT_LINGERS };

struct statusclient {
        struct statusclient *next;
        struct statusclients *all;
        int fd;
        sd_event_source *source;
        sd_event_source *timer;
        enum statusclient_protocol protocol;
        enum statusclient_state state;
        bool ends; /* after what is in out */
        struct fcgi_decoder decoder;
        struct text out;
        size_t n_sent;
        size_t pos, n; /* bytes of in: consumed, valid */
        uint8_t in[STATUS_HTTP_HEAD_MAX];
};

static void statusclient_free(struct statusclient *c) {
        sd_event_source_disable_unref(c->source);
        sd_event_source_disable_unref(c->timer);
        fcgi_decoder_done(&c->decoder);
        text_done(&c->out);
        nowait_close(c->fd);
        free(c);
}

static void statusclient_unlink(struct statusclient *c) {
        struct statusclient **link = &c->all->first;

        while (*link != c)
                link = &(*link)->next;
        *link = c->next;
}

static void statusclient_link(struct statusclient *c) {
        c->next = c->all->first;
        c->all->first = c;
}

static void statusclient_drop(struct statusclient *c) {
        struct statusclients *all = c->all;

        statusclient_unlink(c);
        all->n--;
        statusclient_free(c);
        all->left(all->userdata);
}

static int statusclient_set_deadline(struct statusclient *c, usec_t limit) {
        int r = sd_event_source_set_time_relative(c->timer, limit);

        return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static int statusclient_enter(struct statusclient *c, enum statusclient_state state) {
        int r;

        if (c->state == state)
                return 0;
        c->state = state;
        r = sd_event_source_set_io_events(c->source, state == STATUSCLIENT_WRITES ? EPOLLOUT : EPOLLIN);
        return r < 0 ? r
                     : statusclient_set_deadline(c, state == STATUSCLIENT_LINGERS ? STATUSCLIENT_LINGER
                                                                                  : STATUSCLIENT_LIMIT);
}

static void statusclient_add_record(struct statusclient *c, enum fcgi_type type, const char *data, size_t n) {
        static const char padding[8] = {};
        uint8_t header[FCGI_HEADER_SIZE];

        fcgi_record_encode_header(header, &(struct fcgi_header){ .type = (uint8_t)type,
                                                                 .request_id = c->decoder.request_id,
                                                                 .n_content = (uint16_t)n,
                                                                 .n_padding = (uint8_t)(-n % 8) });
        text_append_n(&c->out, header, sizeof(header));
        text_append_n(&c->out, data, n);
        text_append_n(&c->out, padding, -n % 8);
}

/* A reply is whole records: its content, the end of the request. No empty STDOUT record between them, see
 * fcgi_reply_end_request(). */
static void statusclient_reply(struct statusclient *c, const char *data, size_t n) {
        uint8_t end[FCGI_END_REQUEST_SIZE];

        for (size_t k; n > 0; data += k, n -= k) {
                k = MIN(n, (size_t)STATUSCLIENT_CONTENT_MAX);
                statusclient_add_record(c, FCGI_STDOUT, data, k);
        }
        fcgi_reply_end_request(end, c->decoder.request_id, 0, FCGI_REQUEST_COMPLETE);
        text_append_n(&c->out, end, sizeof(end));
        c->ends = !c->decoder.keep_conn;
        fcgi_decoder_end_request(&c->decoder);
}

/* Appends the reply to a request: headers and body, as CGI has them. */
static void statusclient_answer(const struct statusclient *c, const uint8_t *params, size_t n_params,
                                struct text *reply) {
        const struct generation *g = picture_last_settings(c->all->pool);
        const struct status_page page = {
                .params = params,
                .n_params = n_params,
                .pool = g ? g->conf : NULL,
                .scoreboard = c->all->pool->scoreboard,
                .at_once = true,
                .n_slots = c->all->pool->n_used,
                .php_version = g && g->php.exposed ? g->php.version : NULL,
        };

        if ((!page.pool || !status_page_answer(&page, reply)) && !healthpage_answer(c->all->pool, &page, reply))
                status_page_not_found(&page, reply);
}

static int statusclient_answer_fastcgi(struct statusclient *c) {
        _cleanup_text_ struct text reply = {};

        statusclient_answer(c, c->decoder.params, c->decoder.n_params, &reply);
        if (reply.failed)
                return -ENOMEM;
        statusclient_reply(c, text_peek(&reply), reply.n);
        return 0;
}

/* One request, or one line of an agent's, and the connection ends. */
static int statusclient_answer_http(struct statusclient *c) {
        _cleanup_text_ struct text reply = {};
        uint8_t params[STATUS_HTTP_PARAMS_MAX];
        struct status_http_head head;

        if (status_http_parse((const char *)c->in, c->n, &head) == STATUS_HTTP_E_MORE)
                return 0;
        c->pos = c->n;
        c->ends = true;
        if (head.agent)
                healthpage_agent(c->all->pool, &c->out);
        else if (head.refusal != 0)
                status_http_refuse(head.refusal, &c->out);
        else {
                statusclient_answer(c, params, status_http_params(&head, params), &reply);
                status_http_respond(text_peek(&reply), reply.n, head.no_body, &c->out);
        }
        return c->out.failed || reply.failed ? -ENOMEM : 0;
}

static int statusclient_refuse(const struct statusclient *c, enum fcgi_violation violation) {
        char peer[PEER_TEXT_MAX], message[PEER_TEXT_MAX + 160];

        peer_describe(c->fd, peer);
        snprintf(message, sizeof(message), "connection to the status page from %s closed: %s", peer,
                 fcgi_decoder_violation_text(violation));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_PROTOCOL_VIOLATION,
                                       .pool = c->all->pool->name,
                                       .message = message,
                                       .peer = peer });
        return -EPROTO;
}

static int statusclient_on_event(struct statusclient *c, const struct fcgi_event *event) {
        switch (event->type) {
        case FCGI_EVENT_HEAD:
                return statusclient_answer_fastcgi(c);
        case FCGI_EVENT_ABORT:
                statusclient_reply(c, "", 0);
                return 0;
        case FCGI_EVENT_REPLY:
                text_append_n(&c->out, event->reply, event->n_reply);
                c->ends = event->close;
                return 0;
        case FCGI_EVENT_VIOLATION:
                return statusclient_refuse(c, event->violation);
        default:
                return 0;
        }
}

/* Decodes until there is something to send, or nothing is left. */
static int statusclient_decode(struct statusclient *c) {
        if (c->protocol == STATUSCLIENT_UNKNOWN && c->n > 0)
                c->protocol = status_http_begins(c->in[0]) ? STATUSCLIENT_HTTP : STATUSCLIENT_FASTCGI;
        if (c->protocol == STATUSCLIENT_HTTP)
                return c->pos < c->n && c->out.n == 0 ? statusclient_answer_http(c) : 0;
        while (c->pos < c->n && c->out.n == 0) {
                struct fcgi_event event;
                size_t used;
                int r = fcgi_decoder_step(&c->decoder, c->in + c->pos, c->n - c->pos, &used, &event);

                if (r < 0)
                        return r;
                c->pos += used;
                r = statusclient_on_event(c, &event);
                if (r < 0)
                        return r;
                if (c->out.failed)
                        return -ENOMEM;
        }
        return 0;
}

/* Sends what there is. 0: all of it; STATUSCLIENT_E_FULL; -errno. */
enum { STATUSCLIENT_E_FULL = 1 };
static int statusclient_flush(struct statusclient *c) {
        while (c->n_sent < c->out.n) {
                ssize_t k = send(c->fd, c->out.data + c->n_sent, c->out.n - c->n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (k < 0)
                        return errno == EAGAIN ? STATUSCLIENT_E_FULL : -errno;
                c->n_sent += (size_t)k;
        }
        text_done(&c->out);
        c->n_sent = 0;
        return 0;
}

/* Answers as far as input and output allow, then says what is waited for. */
static int statusclient_advance(struct statusclient *c) {
        while (c->state != STATUSCLIENT_LINGERS) {
                int r = statusclient_decode(c);

                if (r < 0)
                        return r;
                if (c->out.n == 0)
                        return statusclient_enter(c, STATUSCLIENT_READS);
                r = statusclient_flush(c);
                if (r != 0)
                        return r < 0 ? r : statusclient_enter(c, STATUSCLIENT_WRITES);
                if (c->ends)
                        return shutdown(c->fd, SHUT_WR) < 0 ? -errno : statusclient_enter(c, STATUSCLIENT_LINGERS);
                statusclient_unlink(c);
                statusclient_link(c);
                r = statusclient_set_deadline(c, STATUSCLIENT_LIMIT); /* for its next request */
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Once per turn; the rest is still there in the next. Called when all of in is consumed, or is the beginning of an HTTP
 * head, to which there is room then. */
static int statusclient_receive(struct statusclient *c) {
        size_t have = c->pos < c->n ? c->n : 0;
        struct nowait nowait;
        ssize_t k;

        (void)nowait_begin(&nowait); /* recv(2) closes descriptors that come over a unix socket */
        k = recv(c->fd, c->in + have, sizeof(c->in) - have, MSG_DONTWAIT);
        nowait_end(&nowait);
        if (k < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (k == 0)
                return -ENOTCONN; /* the client has ended */
        c->pos = 0;
        c->n = c->state == STATUSCLIENT_LINGERS ? 0 : have + (size_t)k;
        return 0;
}

static int statusclient_on_io(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
                              void *userdata) {
        struct statusclient *c = userdata;
        int r = 0;

        if (c->state != STATUSCLIENT_WRITES)
                r = statusclient_receive(c);
        if (r >= 0)
                r = statusclient_advance(c);
        if (r < 0)
                statusclient_drop(c);
        return 0;
}

static int statusclient_on_deadline(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        statusclient_drop(userdata);
        return 0;
}

/* Not one that reads a reply. */
static struct statusclient *statusclient_oldest(const struct statusclients *all) {
        struct statusclient *oldest = NULL;

        for (struct statusclient *c = all->first; c; c = c->next)
                if (c->state != STATUSCLIENT_WRITES)
                        oldest = c; /* the one that has been answered last, or has just come, is the first */
        return oldest;
}

bool statusclient_make_room(struct statusclients *all) {
        struct statusclient *oldest;

        if (all->n < STATUSCLIENT_MAX)
                return true;
        oldest = statusclient_oldest(all);
        if (oldest)
                statusclient_drop(oldest);
        return oldest != NULL;
}

int statusclient_new(struct statusclients *all, int fd) {
        struct fcgi_limits limits = { .params_max = STATUSCLIENT_PARAMS_MAX,
                                      .max_conns = STATUSCLIENT_MAX,
                                      .max_reqs = STATUSCLIENT_MAX };
        struct statusclient *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                nowait_close(fd);
                return -ENOMEM;
        }
        c->all = all;
        c->fd = fd;
        r = fcgi_decoder_init(&c->decoder, &limits);
        if (r >= 0)
                r = sd_event_add_io(all->event, &c->source, fd, EPOLLIN, statusclient_on_io, c);
        if (r >= 0)
                r = sd_event_add_time_relative(all->event, &c->timer, CLOCK_MONOTONIC, STATUSCLIENT_LIMIT,
                                               USEC_PER_MSEC, statusclient_on_deadline, c);
        if (r < 0) {
                statusclient_free(c);
                return r;
        }
        sd_event_source_set_description(c->source, "status-client");
        sd_event_source_set_description(c->timer, "status-client-deadline");
        statusclient_link(c);
        all->n++;
        return 0;
}

void statusclient_free_all(struct statusclients *all) {
        for (struct statusclient *c = all->first, *next; c; c = next) {
                next = c->next;
                statusclient_free(c);
        }
        *all = (struct statusclients){};
}
