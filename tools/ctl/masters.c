/* SPDX-License-Identifier: MIT */
/* Each service has a folder with its master's control socket. Asking there connects to no pool, and wakes none. */

#include "masters.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "doctor/generation.h"
#include "doctor/unitnames.h"
#include "view.h"

#define TIMEOUT (2 * USEC_PER_SEC)

/* Of the generation that gets the requests. */
static const char *masters_old_php(struct doctor_facts *f, const struct ipc_control_pool *pool) {
        for (size_t i = 0; i < pool->n_generations; i++) {
                const struct ipc_control_generation *g = &pool->generations[i];

                if (g->life == IPC_CONTROL_LIFE_ACCEPTING && g->zygote_pid > 0)
                        return doctor_generation_look(f, (pid_t)g->zygote_pid, g->ini_files);
        }
        return "";
}

/* Of the same one. */
static const char *masters_remarks(struct doctor_facts *f, const struct ipc_control_pool *pool) {
        for (size_t i = 0; i < pool->n_generations; i++)
                if (pool->generations[i].life == IPC_CONTROL_LIFE_ACCEPTING)
                        return doctor_facts_keep(f, pool->generations[i].remarks);
        return "";
}

static void masters_take(struct doctor_facts *f, const struct ctl_view *v, const struct ctl_view_pool *said,
                         struct doctor_life *ret) {
        const struct ipc_control_pool *pool = &said->message.pool;
        const struct ipc_control_service *service = &v->message.service;
        const struct status_snapshot *s = &said->snapshot;
        bool refused = v->message.type == IPC_CONTROL_SERVICE && service->reload_outcome == IPC_CONTROL_OUTCOME_REFUSED;

        *ret = (struct doctor_life){
                .known = true,
                .health = doctor_facts_keep(f, pool->ready ? "" : pool->health),
                .problem = doctor_facts_keep(f, pool->problem),
                .old_php = masters_old_php(f, pool),
                .remarks = masters_remarks(f, pool),
                .reload_refusal = doctor_facts_keep(f, refused ? service->reload_text : ""),
                .failed_starts = pool->failed_starts,
        };
        if (said->error != 0)
                return;
        ret->active = s->n_active;
        ret->max_children = s->max_children;
        ret->waiting = number_add(s->listen_queue, s->park[SCOREBOARD_PARK_waiting]);
        ret->died = s->workers_died;
        ret->oom = s->workers_oom;
        ret->refused = number_add(s->overload[SCOREBOARD_OVERLOAD_late], s->overload[SCOREBOARD_OVERLOAD_too_many]);
        ret->peers = s->denied[SCOREBOARD_DENIED_peers];
}

/* A line of the service's about a pool that it leaves out. */
static bool masters_is_absent(const struct ctl_view *v, const char *name) {
        const struct ipc_control_list *lines = &v->message.service.absent;
        _cleanup_text_ struct text pool = {};

        text_printf(&pool, "the pool '%s' (", name);
        for (size_t i = 0; v->message.type == IPC_CONTROL_SERVICE && i < lines->n; i++)
                if (strstr(lines->items[i], text_peek(&pool)))
                        return true;
        return false;
}

static void masters_take_spares(struct doctor_facts *f, const char *unit, const struct ctl_view *v) {
        const struct ipc_control_list *sockets = &v->message.service.spare;

        for (size_t i = 0; v->message.type == IPC_CONTROL_SERVICE && i < sockets->n; i++) {
                struct doctor_spare *s = doctor_facts_add_spare(f);

                if (!s)
                        return;
                s->unit = unit;
                s->socket = doctor_facts_keep(f, sockets->items[i]);
        }
}

static void masters_take_all(struct doctor_facts *f, const char *unit, const struct ctl_view *v) {
        for (size_t i = 0; i < f->n_pools; i++)
                f->pools[i].life.absent |= text_equal(f->pools[i].unit, unit) && masters_is_absent(v, f->pools[i].name);
        for (size_t i = 0; i < f->n_pools; i++)
                for (size_t k = 0; text_equal(f->pools[i].unit, unit) && k < v->n_pools; k++)
                        if (text_equal(f->pools[i].name, v->pools[k].message.pool.name))
                                masters_take(f, v, &v->pools[k], &f->pools[i].life);
        masters_take_spares(f, unit, v);
}

static void masters_ask(struct doctor_facts *f, const char *unit, const struct ctl *ctl) {
        _cleanup_view_ struct ctl_view v = {};

        if (access(ctl->socket, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
                return; /* a service that does not run, which units tell */
        if (access(ctl->socket, W_OK) < 0)
                doctor_facts_unseen(f, doctor_facts_print(f, "what the master of %s says", unit), "ask as root");
        else if (ctl_status_collect(ctl, TIMEOUT, &v) < 0)
                doctor_facts_unseen(f, doctor_facts_print(f, "what the master of %s says", unit),
                                    "it did not answer, see the line above");
        else
                masters_take_all(f, unit, &v);
}

static void masters_ask_unit(const struct ctl *ctl, struct doctor_facts *f, const char *unit) {
        _cleanup_text_ struct text path = {};

        if (text_equal(unit, "fpmd.service")) {
                masters_ask(f, unit, ctl);
                return;
        }
        if (!doctor_unitname_put_folder(unit, &path))
                return;
        text_append(&path, "/" IPC_CONTROL_SOCKET);
        f->failed |= path.failed;
        masters_ask(f, unit, &(struct ctl){ .socket = (char *)text_peek(&path) });
}

void ctl_masters_collect(const struct ctl *ctl, struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_pools; i++) {
                size_t k = 0;

                while (k < i && !text_equal(f->pools[k].unit, f->pools[i].unit))
                        k++;
                if (k == i)
                        masters_ask_unit(ctl, f, f->pools[i].unit);
        }
}
