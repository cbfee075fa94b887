/* SPDX-License-Identifier: MIT */
/*
 * What a zygote and its workers tell, as far as untrusted/zygote.h lets it through, changes the picture here. A zygote
 * that says what does not fit loses its life, as its pool's workers would be beyond control, and a fresh one takes its
 * place.
 */

#include "pool/messages.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/lines.h"
#include "log/log.h"
#include "pool/exits.h"
#include "pool/generation.h"
#include "pool/news.h"
#include "pool/output.h"
#include "pool/requests.h"
#include "pool/scale.h"
#include "pool/workers.h"
#include "untrusted/zygote.h"

/* Messages taken in one turn of the loop, so that a zygote that floods has only its share. */
#define MESSAGES_PER_TURN 256U

/* Lines that one start has for the log. */
#define MESSAGES_REMARKS_MAX 20U

static struct untrusted_slot messages_slot(void *userdata, uint32_t slot) {
        static const int states[] = { [WORKER_ASKED] = UNTRUSTED_SLOT_ASKED,
                                      [WORKER_STARTING] = UNTRUSTED_SLOT_STARTING,
                                      [WORKER_ACCEPTING] = UNTRUSTED_SLOT_ACCEPTING };
        const struct generation *g = userdata;
        const struct pool_worker *w = &g->pool->workers[slot < g->pool->n_used ? slot : 0];

        if (slot >= g->pool->n_used || w->generation != g || w->state == WORKER_NONE)
                return (struct untrusted_slot){ .state = UNTRUSTED_SLOT_OTHER, .pidfd = -1 };
        return (struct untrusted_slot){ .state = states[w->state],
                                        .pid = w->pid,
                                        .pidfd = w->pidfd,
                                        .is_early = w->early,
                                        .has_output = w->has_output,
                                        .has_failed = w->boot_failed };
}

/* What is known of the zygote by now. */
static struct untrusted_zygote messages_zygote(struct generation *g) {
        const struct pool_env *env = g->pool->env;

        return (struct untrusted_zygote){
                .family = { .zygote = g->zygote.pid, .owns = env->owns, .userdata = env->userdata },
                .is_starting = g->state == GENERATION_STARTING,
                .is_ready = g->zygote.ready,
                .has_output = g->conf->catch_workers_output,
                .boots = g->conf->worker_script != NULL,
                .n_tracing = g->zygote.n_tracing,
                .slot = messages_slot,
                .userdata = g,
        };
}

static void messages_worker_accepts(struct pool_worker *w) {
        struct generation *g = w->generation;

        w->state = WORKER_ACCEPTING;
        g->n_accepting++;
        g->backlog.stale = true;
        if (g->state == GENERATION_STARTING && g->n_accepting >= g->n_first)
                g->state = GENERATION_ACCEPTING;
}

static bool messages_wakes(const struct generation *g) {
        return g == g->pool->starting && g->pool->current && g->pool->current->asleep;
}

/* Of a start whose PHP comes up once more, the second one is news. */
static bool messages_is_rehearsal(const struct generation *g) {
        return g->trial && g->pool->renewal.state == RENEWAL_IN_TRIAL;
}

/* What PHP has not taken; under php-fpm's name, which has no such lines, for the journal alone. The caller's. */
static char *messages_take_remarks(const struct generation *g, const char *lines) {
        enum log_level level = LOG_LEVEL_ERROR;
        _cleanup_text_ struct text kept = {};
        char *remarks = NULL;
        const char *p;
        size_t n, i = 0;

        for (; i < MESSAGES_REMARKS_MAX && conf_lines_next(&lines, &level, &p, &n); level = LOG_LEVEL_ERROR, i++) {
                _cleanup_text_ struct text line = {};

                text_append_n(&line, p, n);
                log_write(&(struct log_entry){ .level = messages_is_rehearsal(g) ? LOG_LEVEL_DEBUG : level,
                                               .pool = g->pool->name,
                                               .journal_only = program_is_php_fpm(),
                                               .message = text_peek(&line) });
                text_printf(&kept, "%s\n", text_peek(&line));
        }
        return text_finish(&kept, &remarks, NULL) < 0 ? NULL : remarks;
}

static void messages_on_ready(struct generation *g, struct untrusted_fact *fact) {
        size_t n = strcspn(fact->document, "\n"); /* one line: the names of files; the others are remarks */
        const char *rest = fact->document + n + (fact->document[n] == '\n');

        g->php.remarks = messages_take_remarks(g, rest);
        fact->document[n] = '\0';
        g->php.ini_files = TAKE_PTR(fact->document);
        g->php.version = strdup(fact->text);
        g->php.exposed = fact->status == 1;
        g->zygote.ready = true;
        if (g->n_first == 0 && g->state == GENERATION_STARTING)
                g->state = GENERATION_ACCEPTING; /* ondemand: workers come with the connections */
        log_printf(messages_wakes(g) || messages_is_rehearsal(g) ? LOG_LEVEL_DEBUG : log_level_own(),
                   "[pool %s] PHP %s, settings read from: %s", g->pool->name, fact->text,
                   *g->php.ini_files ? g->php.ini_files : "no file");
}

static void messages_on_spawned(struct generation *g, struct untrusted_fact *fact) {
        struct pool_worker *w = &g->pool->workers[fact->slot];
        int r;

        workers_answered(g);
        g->short_of_workers = false;
        w->state = WORKER_STARTING;
        w->pid = fact->pid;
        w->pidfd = TAKE_FD(fact->pidfd);
        w->started = time_now();
        r = exits_watch_worker(w); /* one that has been reaped is told of at once */
        if (r < 0)
                log_error("[pool %s] cannot watch child %d: %s", g->pool->name, w->pid, strerror(-r));
        log_printf(g->n_to_replace > 0 && !conf_model_forks(g->conf) ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
                   "[pool %s] child %d started", g->pool->name, w->pid);
        if (g->n_to_replace == 0)
                news_of_growth(g);
        g->n_to_replace -= g->n_to_replace > 0;
        if (w->early)
                messages_worker_accepts(w);
}

static void messages_on_output(struct generation *g, struct untrusted_fact *fact) {
        struct pool_worker *w = &g->pool->workers[fact->slot];
        int r = output_add(g, w->pid, TAKE_FD(fact->pipes[0]), TAKE_FD(fact->pipes[1]));

        w->has_output = true;
        if (r < 0)
                log_error("[pool %s] output of child %d is lost: %s", g->pool->name, w->pid, strerror(-r));
}

static void messages_on_spawn_failed(struct generation *g, const struct untrusted_fact *fact) {
        char why[IPC_TEXT_MAX + 32];

        workers_release(g->pool, fact->slot);
        if (!g->short_of_workers)
                log_error("[pool %s] cannot fork a worker, and tries again: %s", g->pool->name, fact->text);
        g->short_of_workers = true;
        snprintf(why, sizeof(why), "cannot fork a worker: %s", fact->text);
        workers_make_do(g, why);
        g->pool->deaths.n_young =
                MAX(g->pool->deaths.n_young + 1, SCALE_YOUNG_FREE + 1); /* the machine is short: wait first */
        g->pool->deaths.last = time_now();
}

static void messages_act(struct generation *g, struct untrusted_fact *fact) {
        switch (fact->news) {
        case UNTRUSTED_READY:
                messages_on_ready(g, fact);
                break;
        case UNTRUSTED_FAILED:
                generation_fail(g, fact->text);
                break;
        case UNTRUSTED_SPAWNED:
                messages_on_spawned(g, fact);
                break;
        case UNTRUSTED_SPAWN_FAILED:
                messages_on_spawn_failed(g, fact);
                break;
        case UNTRUSTED_ACCEPTING:
                messages_worker_accepts(&g->pool->workers[fact->slot]);
                break;
        case UNTRUSTED_ACCEPTING_EARLY:
                g->pool->workers[fact->slot].early = true;
                break;
        case UNTRUSTED_BOOT_FAILED:
                g->pool->workers[fact->slot].boot_failed = true;
                log_error("[pool %s] child %d: %s", g->pool->name, fact->pid, fact->text);
                generation_fail(g, fact->text);
                break;
        case UNTRUSTED_OUTPUT:
                messages_on_output(g, fact);
                break;
        case UNTRUSTED_EXITED:
                workers_exited(g->pool, fact->slot, fact->status, true);
                break;
        case UNTRUSTED_TRACED:
        case UNTRUSTED_TRACED_LATE:
                requests_on_traced(g, fact);
                break;
        }
}

static void messages_log_failure(const struct generation *g, int r, uint32_t type) {
        if (r == -EBADMSG)
                log_error("[pool %s] zygote %d sent a message that makes no sense (%s); ending it", g->pool->name,
                          g->zygote.pid, ipc_message_type_name(type));
        else
                log_error("[pool %s] messages of zygote %d are lost (%s); ending it", g->pool->name, g->zygote.pid,
                          strerror(-r));
}

/* It is beyond control, or dead already. */
static void messages_end_zygote(struct generation *g, int r, uint32_t type) {
        if (r < 0)
                messages_log_failure(g, r, type);
        generation_fail(g, r < 0 ? "the zygote sent a message that makes no sense"
                                 : "the zygote ended; see the log above");
        syscall(SYS_pidfd_send_signal, g->zygote.pidfd, SIGKILL, NULL, 0);
        g->zygote.ipc_source = sd_event_source_disable_unref(g->zygote.ipc_source);
        g->zygote.ipc = nowait_close(g->zygote.ipc);
}

int messages_on_readable(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata) {
        struct generation *g = userdata;
        struct pool *p = g->pool;

        /* all that wait, at once: one look at the plan for a hundred messages */
        for (unsigned i = 0; i < MESSAGES_PER_TURN; i++) {
                const struct untrusted_zygote known = messages_zygote(g);
                struct untrusted_fact fact;
                uint32_t type;
                int r = untrusted_zygote_hear(&known, fd, &fact, &type);

                if (r == UNTRUSTED_ZYGOTE_E_EMPTY)
                        break;
                if (r != 0) {
                        messages_end_zygote(g, r, type);
                        break;
                }
                g->zygote.heard = time_now();
                messages_act(g, &fact);
                untrusted_zygote_done(&fact);
        }
        picture_changed(p);
        return 0;
}
