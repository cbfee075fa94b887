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
#include "pool/access.h"
#include "pool/exits.h"
#include "pool/generation.h"
#include "pool/loader.h"
#include "pool/memory.h"
#include "pool/messages.h"
#include "pool/news.h"
#include "pool/output.h"
#include "pool/parking.h"
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

/* What can be seen of its start before that: who its user is, and whether the logs can be opened. 0 or -errno. */
static int start_check(struct generation *g) {
        _cleanup_fd_ int access_fd = -1, slow_fd = -1;
        struct identity who;
        int r;

        r = spawn_check_identity(g, &who);
        if (r == 0)
                r = access_open(g->conf, &access_fd);
        if (r == 0)
                r = slowlog_try(g->conf, &slow_fd);
        return shortage_is(r) ? 0 : r;
}

static int start_process(struct generation *g, const struct spawn_ends *ends) {
        _cleanup_fd_ int gate = -1;
        struct spawn_zygote z;
        int r = spawn_prepare(g, ends, &z);

        if (r >= 0)
                r = loader_fork_zygote(g->pool->env->loader, &z.order, z.fds, z.n, &gate);
        if (r == 0)
                r = spawn_fork(g, &z);
        spawn_done(&z);
        if (r > 0)
                r = spawn_adopt(g, r);
        if (r == 0 && gate >= 0)
                (void)!write(gate, "", 1); /* of one that has gone, its pidfd tells */
        return r;
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

        r = start_process(g, &(struct spawn_ends){ .ipc = ipc_child, .lifeline_read = lifeline_read });
        if (r < 0)
                return r;
        r = start_watch(g);
        if (r >= 0) {
                loader_count_zygote(g->pool->env->loader);
                return 0;
        }
        g->zygote.ipc_source = sd_event_source_disable_unref(g->zygote.ipc_source);
        g->zygote.exit_source = sd_event_source_disable_unref(g->zygote.exit_source);
        kill(g->zygote.pid, SIGKILL);
        g->zygote.pid = 0; /* a stranger, which the master reaps */
        return r;
}

/* Without a number, a process, and a place in the pool. */
static int start_make(struct pool *p, const struct start_settings *settings, struct generation **ret) {
        _cleanup_(generation_freep) struct generation *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->pool = p;
        g->listeners = settings->listeners;
        g->state = GENERATION_STARTING;
        g->zygote.ipc = g->lifeline = g->zygote.pidfd = g->backlog.fd = -1;
        g->slow_log = (struct log_out){ .fd = -1,
                                        .kind = LOG_KIND_SLOW,
                                        .lost = &p->scoreboard->header.logs_lost[LOG_KIND_SLOW] };
        output_init(&g->output);
        r = start_copy_settings(g, settings->packed, settings->n_packed);
        if (r < 0)
                return r;
        g->max_children = memory_max_children(p, g->conf);
        g->n_first = scale_first(g->conf, g->max_children, p->current);
        g->scale = scale_begin(g->conf);
        g->backlog.stale = true;
        *ret = TAKE_PTR(g);
        return 0;
}

static void start_link(struct generation *g) {
        struct pool *p = g->pool;

        g->number = ++p->last_generation;
        g->next = p->generations;
        p->generations = g;
        p->starting = g;
}

/* 0 or -errno, but for what the machine is short of: then the generation has failed, as any other start that fails, and
 * is tried again, or a reload refused. */
static int start_zygote(struct generation *g) {
        int r;

        g->started = time_now();
        r = slowlog_open(g);
        if (r == 0 && !g->pool->stopping)
                r = parks_open(&g->pool->parks);
        if (r == 0)
                r = start_launch(g);
        if (r < 0 && !shortage_is(r))
                return r;
        if (r < 0) {
                char why[SHORTAGE_TEXT_MAX], text[SHORTAGE_TEXT_MAX + 64];

                snprintf(text, sizeof(text), "cannot start its zygote: %s", shortage_describe(r, why));
                generation_fail(g, text);
        } else
                log_debug("[pool %s] generation %u: zygote %d started", g->pool->name, g->number, g->zygote.pid);
        return 0;
}

static bool start_is_its_turn(struct pool *p) {
        p->wake.turn.owner = p;
        return ration_ask(p->env->ration, &p->wake.turn);
}

int start_generation(struct pool *p, const struct start_settings *settings, bool replacement) {
        struct generation *g;
        int r;

        r = start_make(p, settings, &g);
        if (r < 0)
                return r;
        start_link(g);
        p->starting_is_replacement = replacement;
        r = start_is_its_turn(p) ? start_zygote(g) : start_check(g);
        if (r < 0) {
                p->generations = g->next;
                p->starting = NULL;
                generation_free(g);
                ration_give_back(p->env->ration, &p->wake.turn);
                return r;
        }
        (void)parking_supervise(p, time_now()); /* before any worker has use for it */
        return 0;
}

void start_in_turn(struct pool *p) {
        struct generation *g = p->starting;
        int r;

        if (!start_is_its_turn(p))
                return;
        r = start_zygote(g);
        if (r < 0)
                generation_fail(g, strerror(-r));
        (void)parking_supervise(p, g->started);
}

int start_keep(struct pool *p, const struct start_settings *settings, struct generation **ret) {
        _cleanup_(generation_freep) struct generation *g = NULL;
        int r;

        r = start_make(p, settings, &g);
        if (r == 0)
                r = start_check(g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int start_prepare(struct pool *p, const struct start_settings *settings, struct generation **ret) {
        int r = start_keep(p, settings, ret);

        if (r < 0)
                return r;
        (*ret)->asleep = true;
        (*ret)->state = GENERATION_ACCEPTING;
        return 0;
}

void start_lay_down(struct pool *p, struct generation *g) {
        if (p->starting)
                generation_give_up(TAKE_PTR(p->starting), time_now());
        start_link(g);
        p->starting_is_replacement = true; /* what it counts as is the caller's to say */
        start_promote(p);
}

int start_asleep(struct pool *p, const struct start_settings *settings) {
        struct generation *g;
        int r;

        r = start_prepare(p, settings, &g);
        if (r == 0)
                start_lay_down(p, g);
        return r;
}

void start_forget_failures(struct pool *p) {
        p->starts.n_failed = 0;
        free(TAKE_PTR(p->starts.problem));
}

void start_forget_renewal(struct pool *p) {
        p->renewal.state = RENEWAL_NONE;
        generation_free(TAKE_PTR(p->renewal.settings));
        generation_free(TAKE_PTR(p->renewal.before));
}

/* The pool runs with them, though other ones may be in trial. */
static void start_forget_renewed(struct pool *p) {
        if (p->renewal.state >= RENEWAL_HOLDS)
                start_forget_renewal(p);
        else
                generation_free(TAKE_PTR(p->renewal.before));
}

void start_promote(struct pool *p) {
        bool first = !p->current, renews = picture_renewed(p) != NULL;
        usec_t now = time_now();

        p->current = TAKE_PTR(p->starting);
        p->wanted = NULL;
        if (!p->current->asleep)
                start_forget_failures(p);
        p->renew = false;
        if (renews)
                start_forget_renewed(p);
        if (!first && (renews || !p->starting_is_replacement)) {
                p->n_reloads++;
                p->starts.n_short = 0;
        }
        for (struct generation *g = p->generations; g; g = g->next)
                if (g != p->current) {
                        news_of_drain(g);
                        generation_drain(g, now);
                }
}
