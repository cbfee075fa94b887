/* SPDX-License-Identifier: MIT */
/*
 * The master reads clients' bytes here and nowhere else, so all is bounded: how many connections a pool's page has, how
 * large a request may be, how long each step of one may take. A connection is read once per turn of the event loop, and
 * is not read from while a reply to it waits. Nothing waits for a client, nor for a worker: the scoreboard is read as
 * it is.
 *
 * A reply that ends its connection is followed by a closed sending side, and what the client still sends is thrown away
 * for a while: closing with unread bytes would reset the connection, and could take the reply with it.
 *
 * The settings are those of the generation that serves, so page and workers change in the same moment.
 */

#include "master/statuspage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nudge.h"
#include "base/text.h"
#include "base/time.h"
#include "conn/allow.h"
#include "fcgi/decoder.h"
#include "fcgi/record.h"
#include "fcgi/reply.h"
#include "log/log.h"
#include "log/peer.h"
#include "master/defer.h"
#include "status/page.h"

#define STATUSPAGE_CLIENTS_MAX 32
#define STATUSPAGE_PARAMS_MAX  (128U * 1024U)
#define STATUSPAGE_PATIENCE    (10 * USEC_PER_SEC) /* for a whole request, and for a whole reply to go */
#define STATUSPAGE_LINGER      (2 * USEC_PER_SEC)
#define STATUSPAGE_PAUSE       (1 * USEC_PER_SEC) /* when accept(2) finds no descriptors */
#define STATUSPAGE_CONTENT_MAX 65528U             /* of a record, the most that needs no padding */

struct statuspage {
        sd_event *event;
        const struct pool *pool;
        struct listen_set *listeners;
        sd_event_source **sources; /* one for each listener */
        sd_event_source *pause;
        bool paused;
        struct statuspage_client *clients;
        size_t n_clients;
};

enum client_state { CLIENT_READS, CLIENT_WRITES, CLIENT_LINGERS };

struct statuspage_client {
        struct statuspage_client *next;
        struct statuspage *page;
        int fd;
        sd_event_source *source;
        sd_event_source *timer;
        enum client_state state;
        bool ends; /* after what is in out */
        struct fcgi_decoder decoder;
        struct text out;
        size_t n_sent;
        size_t pos, n; /* bytes of in: consumed, valid */
        uint8_t in[8192];
};

/* Connections beyond the most stay in the listeners' queues. */
static void page_listen(struct statuspage *s) {
        bool on = !s->paused && s->n_clients < STATUSPAGE_CLIENTS_MAX;

        for (size_t i = 0; i < s->listeners->n; i++)
                if (s->sources[i])
                        sd_event_source_set_enabled(s->sources[i], on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void client_free(struct statuspage_client *c) {
        sd_event_source_disable_unref(c->source);
        sd_event_source_disable_unref(c->timer);
        fcgi_decoder_done(&c->decoder);
        text_done(&c->out);
        nudge_close(c->fd);
        free(c);
}

static void client_drop(struct statuspage_client *c) {
        struct statuspage *s = c->page;

        for (struct statuspage_client **link = &s->clients; *link; link = &(*link)->next)
                if (*link == c) {
                        *link = c->next;
                        break;
                }
        s->n_clients--;
        client_free(c);
        page_listen(s);
}

static int client_set_deadline(struct statuspage_client *c, usec_t patience) {
        int r = sd_event_source_set_time_relative(c->timer, patience);

        return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static int client_enter(struct statuspage_client *c, enum client_state state) {
        int r;

        if (c->state == state)
                return 0;
        c->state = state;
        r = sd_event_source_set_io_events(c->source, state == CLIENT_WRITES ? EPOLLOUT : EPOLLIN);
        return r < 0 ? r : client_set_deadline(c, state == CLIENT_LINGERS ? STATUSPAGE_LINGER : STATUSPAGE_PATIENCE);
}

static void client_add_record(struct statuspage_client *c, enum fcgi_type type, const char *data, size_t n) {
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
static void client_reply(struct statuspage_client *c, const char *data, size_t n) {
        uint8_t end[FCGI_END_REQUEST_SIZE];

        for (size_t k; n > 0; data += k, n -= k) {
                k = MIN(n, (size_t)STATUSPAGE_CONTENT_MAX);
                client_add_record(c, FCGI_STDOUT, data, k);
        }
        fcgi_reply_end_request(end, c->decoder.request_id, 0, FCGI_REQUEST_COMPLETE);
        text_append_n(&c->out, end, sizeof(end));
        c->ends = !c->decoder.keep_conn;
        fcgi_decoder_end_request(&c->decoder);
}

static const struct generation *page_generation(const struct statuspage *s) {
        return pool_settings(s->pool);
}

static const struct conf_pool *page_conf(const struct statuspage *s) {
        const struct generation *g = page_generation(s);

        return g ? g->conf : NULL;
}

static int client_answer(struct statuspage_client *c) {
        const struct generation *g = page_generation(c->page);
        _cleanup_text_ struct text reply = {};
        const struct status_page page = {
                .params = c->decoder.params,
                .n_params = c->decoder.n_params,
                .pool = g ? g->conf : NULL,
                .scoreboard = c->page->pool->scoreboard,
                .at_once = true,
                .n_slots = c->page->pool->n_used,
                .php_version = g && g->php_exposed ? g->php_version : NULL,
        };

        if (!page.pool || !status_page_answer(&page, &reply))
                status_page_not_found(&page, &reply);
        if (reply.failed)
                return -ENOMEM;
        client_reply(c, text_peek(&reply), reply.n);
        return 0;
}

static int client_refuse(const struct statuspage_client *c, enum fcgi_violation violation) {
        char peer[PEER_TEXT_MAX], message[PEER_TEXT_MAX + 160];

        peer_describe(c->fd, peer);
        snprintf(message, sizeof(message), "connection to the status page from %s closed: %s", peer,
                 fcgi_decoder_violation_text(violation));
        log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                       .event = LOG_EVENT_PROTOCOL_VIOLATION,
                                       .pool = c->page->pool->name,
                                       .message = message,
                                       .peer = peer });
        return -EPROTO;
}

static int client_on_event(struct statuspage_client *c, const struct fcgi_event *event) {
        switch (event->type) {
        case FCGI_EVENT_HEAD:
                return client_answer(c);
        case FCGI_EVENT_ABORT:
                client_reply(c, "", 0);
                return 0;
        case FCGI_EVENT_REPLY:
                text_append_n(&c->out, event->reply, event->n_reply);
                c->ends = event->close;
                return 0;
        case FCGI_EVENT_VIOLATION:
                return client_refuse(c, event->violation);
        default:
                return 0;
        }
}

/* Decodes until there is something to send, or nothing is left. */
static int client_decode(struct statuspage_client *c) {
        while (c->pos < c->n && c->out.n == 0) {
                struct fcgi_event event;
                size_t used;
                int r = fcgi_decoder_step(&c->decoder, c->in + c->pos, c->n - c->pos, &used, &event);

                if (r < 0)
                        return r;
                c->pos += used;
                r = client_on_event(c, &event);
                if (r < 0)
                        return r;
                if (c->out.failed)
                        return -ENOMEM;
        }
        return 0;
}

/* Sends what there is. 0: all of it; CLIENT_E_FULL; -errno. */
enum { CLIENT_E_FULL = 1 };
static int client_flush(struct statuspage_client *c) {
        while (c->n_sent < c->out.n) {
                ssize_t k = send(c->fd, c->out.data + c->n_sent, c->out.n - c->n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (k < 0)
                        return errno == EAGAIN ? CLIENT_E_FULL : -errno;
                c->n_sent += (size_t)k;
        }
        text_done(&c->out);
        c->n_sent = 0;
        return 0;
}

/* Answers as far as input and output allow, then says what is waited for. */
static int client_advance(struct statuspage_client *c) {
        while (c->state != CLIENT_LINGERS) {
                int r = client_decode(c);

                if (r < 0)
                        return r;
                if (c->out.n == 0)
                        return client_enter(c, CLIENT_READS);
                r = client_flush(c);
                if (r != 0)
                        return r < 0 ? r : client_enter(c, CLIENT_WRITES);
                if (c->ends)
                        return shutdown(c->fd, SHUT_WR) < 0 ? -errno : client_enter(c, CLIENT_LINGERS);
                r = client_set_deadline(c, STATUSPAGE_PATIENCE); /* for its next request */
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Once per turn; the rest is still there in the next. Called when all of in is consumed. */
static int client_receive(struct statuspage_client *c) {
        struct nudge nudge;
        ssize_t k;

        (void)nudge_begin(&nudge); /* recv(2) closes descriptors that come over a unix socket */
        k = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT);
        nudge_end(&nudge);
        if (k < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (k == 0)
                return -ENOTCONN; /* the client has ended */
        c->pos = 0;
        c->n = c->state == CLIENT_LINGERS ? 0 : (size_t)k;
        return 0;
}

static int client_on_io(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        struct statuspage_client *c = userdata;
        int r = 0;

        if (c->state != CLIENT_WRITES)
                r = client_receive(c);
        if (r >= 0)
                r = client_advance(c);
        if (r < 0)
                client_drop(c);
        return 0;
}

static int client_on_deadline(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        client_drop(userdata);
        return 0;
}

/* Takes over the connection. */
static int client_new(struct statuspage *s, int fd) {
        struct fcgi_limits limits = { .params_max = STATUSPAGE_PARAMS_MAX,
                                      .max_conns = STATUSPAGE_CLIENTS_MAX,
                                      .max_reqs = STATUSPAGE_CLIENTS_MAX };
        struct statuspage_client *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                nudge_close(fd);
                return -ENOMEM;
        }
        c->page = s;
        c->fd = fd;
        r = fcgi_decoder_init(&c->decoder, &limits);
        if (r >= 0)
                r = sd_event_add_io(s->event, &c->source, fd, EPOLLIN, client_on_io, c);
        if (r >= 0)
                r = sd_event_add_time_relative(s->event, &c->timer, CLOCK_MONOTONIC, STATUSPAGE_PATIENCE, USEC_PER_MSEC,
                                               client_on_deadline, c);
        if (r < 0) {
                client_free(c);
                return r;
        }
        sd_event_source_set_description(c->source, "status-client");
        sd_event_source_set_description(c->timer, "status-client-deadline");
        c->next = s->clients;
        s->clients = c;
        s->n_clients++;
        page_listen(s);
        return 0;
}

/* listen.allowed_clients holds here too. */
static bool page_admits(const struct statuspage *s, int fd) {
        const struct conf_pool *conf = page_conf(s);
        _cleanup_allow_ struct allow allow = {};

        return conf && allow_parse(conf->listen_allowed_clients, &allow, NULL) == 0 &&
               allow_admits(&allow, fd, peer_log_denied, s->pool->name);
}

static int page_on_pause_over(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        struct statuspage *s = userdata;

        s->paused = false;
        page_listen(s);
        return 0;
}

/* Out of descriptors or memory: what waits in the queue would wake the master all the time. */
static void page_pause(struct statuspage *s) {
        if (sd_event_source_set_time_relative(s->pause, STATUSPAGE_PAUSE) < 0 ||
            sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT) < 0)
                return;
        s->paused = true;
        page_listen(s);
}

static int page_on_connection(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        struct statuspage *s = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client < 0) {
                if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                        page_pause(s);
                return 0;
        }
        if (!page_admits(s, client))
                nudge_close(client);
        else if (client_new(s, client) < 0)
                page_pause(s);
        return 0;
}

static int page_watch(struct statuspage *s) {
        int r;

        s->sources = calloc(s->listeners->n, sizeof(sd_event_source *));
        if (!s->sources)
                return -ENOMEM;
        for (size_t i = 0; i < s->listeners->n; i++) {
                r = sd_event_add_io(s->event, &s->sources[i], s->listeners->fds[i], EPOLLIN, page_on_connection, s);
                if (r < 0)
                        return r;
                sd_event_source_set_description(s->sources[i], "status-listener");
        }
        r = sd_event_add_time(s->event, &s->pause, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC, page_on_pause_over,
                              s);
        if (r < 0)
                return r;
        sd_event_source_set_description(s->pause, "status-pause");
        return sd_event_source_set_enabled(s->pause, SD_EVENT_OFF);
}

int statuspage_new(sd_event *event, const struct pool *pool, struct listen_set *listeners, struct statuspage **ret) {
        _cleanup_(statuspage_freep) struct statuspage *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                listen_set_free(listeners);
                return -ENOMEM;
        }
        s->event = event;
        s->pool = pool;
        s->listeners = listeners;
        r = page_watch(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void statuspage_free(struct statuspage *s) {
        if (!s)
                return;
        for (struct statuspage_client *c = s->clients, *next; c; c = next) {
                next = c->next;
                client_free(c);
        }
        for (size_t i = 0; s->sources && i < s->listeners->n; i++)
                sd_event_source_disable_unref(s->sources[i]);
        free(s->sources);
        sd_event_source_disable_unref(s->pause);
        listen_set_free(s->listeners);
        free(s);
}

const char *statuspage_address(const struct statuspage *s) {
        return s ? s->listeners->listen : NULL;
}

void statuspage_set_defer(struct statuspage *s, const struct conf_pool *settings) {
        if (s)
                defer_apply(s->listeners, settings);
}

void statuspage_log_inherited(const struct statuspage *s) {
        if (s)
                listen_log_inherited(s->listeners);
}
