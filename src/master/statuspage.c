/* SPDX-License-Identifier: MIT */
/* A page's listeners: how many connections it has is bounded; see statusclient.c for what they are. */

#include "master/statuspage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nowait.h"
#include "base/text.h"
#include "base/time.h"
#include "conf/conf.h"
#include "conn/allow.h"
#include "log/peer.h"
#include "master/defer.h"
#include "master/statusclient.h"

#define STATUSPAGE_PAUSE (1 * USEC_PER_SEC) /* when accept(2) finds no descriptors */

struct statuspage {
        struct listen_set *listeners;
        sd_event_source **sources; /* one for each listener */
        sd_event_source *pause;
        bool paused;
        bool full; /* no client can make room */
        struct statusclients clients;
};

/* Connections for which there is no room stay in the listeners' queues, until a client leaves. */
static void statuspage_listen(struct statuspage *s) {
        bool on = !s->paused && !s->full;

        for (size_t i = 0; i < s->listeners->n; i++)
                if (s->sources[i])
                        sd_event_source_set_enabled(s->sources[i], on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void statuspage_on_client_left(void *userdata) {
        struct statuspage *s = userdata;

        s->full = false;
        statuspage_listen(s);
}

/* listen.allowed_clients holds here too, and listen.peer_users where this is a unix socket as well. */
static bool statuspage_admits(const struct statuspage *s, int fd) {
        const struct generation *g = picture_last_settings(s->clients.pool);
        _cleanup_allow_ struct allow allow = {};
        struct allow_lists lists;

        if (!g)
                return false;
        lists = (struct allow_lists){ .clients = g->conf->listen_allowed_clients, .uids = conf_pool_peers(g->conf) };
        if (s->listeners->listen[0] != '/') /* the settings may be those before the page's: see renewal.h */
                lists.uids = NULL;
        if (allow_parse(&lists, &allow, NULL) < 0)
                return false;
        allow.n_denied = &s->clients.pool->scoreboard->header.denied[SCOREBOARD_DENIED_peers];
        return allow_admits(&allow, fd, s->clients.pool->name);
}

static int statuspage_on_pause_over(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        struct statuspage *s = userdata;

        s->paused = false;
        statuspage_listen(s);
        return 0;
}

/* Out of descriptors or memory: a connection that waits in the queue would wake the master all the time. */
static void statuspage_pause(struct statuspage *s) {
        if (sd_event_source_set_time_relative(s->pause, STATUSPAGE_PAUSE) < 0 ||
            sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT) < 0)
                return;
        s->paused = true;
        statuspage_listen(s);
}

static int statuspage_on_connection(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
                                    void *userdata) {
        struct statuspage *s = userdata;
        int client;

        s->full = !statusclient_make_room(&s->clients);
        if (s->full) {
                statuspage_listen(s);
                return 0;
        }
        client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
                if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                        statuspage_pause(s);
                return 0;
        }
        if (!statuspage_admits(s, client))
                nowait_close(client);
        else if (statusclient_new(&s->clients, client) < 0)
                statuspage_pause(s);
        else
                statuspage_listen(s);
        return 0;
}

static int statuspage_watch(struct statuspage *s) {
        int r;

        s->sources = calloc(s->listeners->n, sizeof(sd_event_source *));
        if (!s->sources)
                return -ENOMEM;
        for (size_t i = 0; i < s->listeners->n; i++) {
                r = sd_event_add_io(s->clients.event, &s->sources[i], s->listeners->fds[i], EPOLLIN,
                                    statuspage_on_connection, s);
                if (r < 0)
                        return r;
                sd_event_source_set_description(s->sources[i], "status-listener");
        }
        r = sd_event_add_time(s->clients.event, &s->pause, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC,
                              statuspage_on_pause_over, s);
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
        s->clients = (struct statusclients){
                .event = event, .pool = pool, .left = statuspage_on_client_left, .userdata = s
        };
        s->listeners = listeners;
        r = statuspage_watch(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void statuspage_free(struct statuspage *s) {
        if (!s)
                return;
        statusclient_free_all(&s->clients);
        for (size_t i = 0; s->sources && i < s->listeners->n; i++)
                sd_event_source_disable_unref(s->sources[i]);
        free(s->sources);
        sd_event_source_disable_unref(s->pause);
        listen_set_free(s->listeners);
        free(s);
}

struct listen_set *statuspage_listeners(const struct statuspage *s) {
        return s ? s->listeners : NULL;
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
                listen_set_log(s->listeners);
}
