/* SPDX-License-Identifier: MIT */
/* Generations begin here: their settings, zygote, sockets and events, and their place in the pool. */

#include "pool/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/shortage.h"
#include "base/text.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "log/log.h"
#include "pool/exits.h"
#include "pool/generation.h"
#include "pool/messages.h"
#include "pool/news.h"
#include "pool/output.h"
#include "pool/parks.h"
#include "pool/scale.h"
#include "pool/slowlog.h"
#include "pool/spawn.h"

DEFINE_CLEANUP(struct generation *, generation_free)

static int start_watch(struct generation *g) {
        sd_event *event = g->pool->env->event;
        int r;

        r = sd_event_add_io(event, &g->zygote.ipc_source, g->zygote.ipc, EPOLLIN, messages_on_readable, g);
        if (r < 0)
                return r;
        sd_event_source_set_description(g->zygote.ipc_source, "zygote-messages");
        r = sd_event_add_io(event, &g->zygote.exit_source, g->zygote.pidfd, EPOLLIN, exits_on_zygote, g);
        if (r < 0)
                return r;
        sd_event_source_set_description(g->zygote.exit_source, "zygote-exit");
        /* a zygote's last messages are read before its end is dealt with */
        return sd_event_source_set_priority(g->zygote.exit_source, SD_EVENT_PRIORITY_NORMAL + 10);
}

static int start_copy_settings(struct generation *g, const char *packed, size_t n) {
        _cleanup_text_ struct text problems = {};
        int r;

        g->packed = malloc(n + 1);
        if (!g->packed)
                return -ENOMEM;
        memcpy(g->packed, packed, n);
        g->n_packed = n;
        r = conf_pack_take(packed, n, &g->settings, &problems);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        g->conf = &g->settings->pools[0];
        return 0;
}

/* Its process and what it talks over. */
static int start_launch(struct generation *g) {
        _cleanup_fd_ int ipc_child = -1, lifeline_read = -1;
        int ends[2], r;

        r = channel_pair(ends);
        if (r < 0)
                return r;
        g->zygote.ipc = ends[0];
        ipc_child = ends[1];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        lifeline_read = ends[0];
        g->lifeline = ends[1];

        r = spawn_zygote(g, ipc_child, lifeline_read);
        if (r < 0)
                return r;
        r = start_watch(g);
        if (r >= 0)
                return 0;
        g->zygote.ipc_source = sd_event_source_disable_unref(g->zygote.ipc_source);
        g->zygote.exit_source = sd_event_source_disable_unref(g->zygote.exit_source);
        kill(g->zygote.pid, SIGKILL);
        g->zygote.pid = 0; /* a stranger, which the master reaps */
        return r;
}

static int start_one(struct pool *p, const struct start_settings *settings, struct generation **ret) {
        _cleanup_(generation_freep) struct generation *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->pool = p;
        g->listeners = settings->listeners;
        g->number = ++p->last_generation;
        g->state = GENERATION_STARTING;
        g->started = time_now();
        g->zygote.ipc = g->lifeline = g->zygote.pidfd = g->backlog.fd = -1;
        g->slow_log = (struct log_out){ .fd = -1,
                                        .kind = LOG_KIND_SLOW,
                                        .lost = &p->scoreboard->header.logs_lost[LOG_KIND_SLOW] };
        output_init(&g->output);
        r = start_copy_settings(g, settings->packed, settings->n_packed);
        if (r < 0)
                return r;
        g->n_first = scale_first(g->conf, p->current);
        g->scale = scale_begin(g->conf);
        g->backlog.stale = true;

        r = slowlog_open(g);
        if (r == 0)
                r = start_launch(g);
        if (r < 0 && !shortage_is(r))
                return r;
        if (r < 0) { /* as any other start that fails: it is tried again, or a reload refused */
                char why[SHORTAGE_TEXT_MAX], text[SHORTAGE_TEXT_MAX + 64];

                snprintf(text, sizeof(text), "cannot start its zygote: %s", shortage_describe(r, why));
                generation_fail(g, text);
        }
        log_debug("[pool %s] generation %u: zygote %d started", p->name, g->number, g->zygote.pid);
        *ret = TAKE_PTR(g);
        return 0;
}

int start_generation(struct pool *p, const struct start_settings *settings, bool replacement) {
        struct generation *g;
        int r;

        r = start_one(p, settings, &g);
        if (r < 0)
                return r;
        g->next = p->generations;
        p->generations = g;
        p->starting = g;
        p->starting_is_replacement = replacement;
        (void)parks_supervise(p, time_now()); /* before any worker has use for it */
        return 0;
}

void start_promote(struct pool *p) {
        usec_t now = time_now();
        bool first = !p->current;

        p->current = TAKE_PTR(p->starting);
        p->wanted = NULL;
        p->starts.n_failed = 0;
        free(TAKE_PTR(p->starts.problem));
        p->renew = false;
        if (!first && !p->starting_is_replacement)
                p->n_reloads++;
        for (struct generation *g = p->generations; g; g = g->next)
                if (g != p->current) {
                        news_of_drain(g);
                        generation_drain(g, now);
                }
}
