/* SPDX-License-Identifier: MIT */
/*
 * The status for a person: the service in three lines, then each pool as a block with its zygotes and their workers, so
 * that every pid seen in ps(1) has its place. Rates are over the pool's whole life: one look can know no other.
 */

#include "view.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "log/out.h"
#include "status/fields.h"
#include "status/text.h"
#include "units/advice.h"

#define PIDS_PER_LINE 12
#define VIEW_INDENT   12 /* of a row's further lines */

static void view_text_print_count(uint64_t n, const char *one, struct text *out) {
        text_printf(out, "%llu %s%s", (unsigned long long)n, one, n == 1 ? "" : "s");
}

static void view_text_print_label(const char *label, struct text *out) {
        text_printf(out, "  %-10s", label);
}

static void view_text_print_file(const char *name, _unused_ size_t i, struct text *out) {
        text_append(out, "\n            ");
        status_text_clean(name, out);
}

static void view_text_print_warning(const char *line, struct text *out) {
        view_text_print_label("warning", out);
        status_text_clean(line, out);
        text_append_c(out, '\n');
}

/* Pools without a socket, and sockets without a pool. */
static void view_text_print_warnings(const struct ipc_control_service *s, struct text *out) {
        for (size_t i = 0; i < s->absent.n; i++)
                view_text_print_warning(s->absent.items[i], out);
        for (size_t i = 0; i < s->spare.n; i++) {
                _cleanup_text_ struct text line = {};

                advice_put_spare_line(s->spare.items[i], "this service", &line);
                view_text_print_warning(text_peek(&line), out);
        }
}

static void view_text_print_service(const struct ipc_control_service *s, bool full, struct text *out) {
        uint64_t n_files = s->config_files.n + s->config_files.n_left_out;

        text_append(out, "fpmd ");
        status_text_clean(s->version, out);
        text_printf(out, "  %s", ipc_control_state_name(s->state));
        if (*s->reload_progress) {
                text_append(out, " (");
                status_text_clean(s->reload_progress, out);
                text_append(out, ")");
        }
        text_printf(out, "  master %llu  up ", (unsigned long long)s->master_pid);
        ctl_print_span(s->uptime, out);

        text_append_c(out, '\n');
        view_text_print_label("config", out);
        status_text_clean(s->config_path, out);
        if (n_files > 1) {
                text_append(out, ", ");
                view_text_print_count(n_files, "file", out);
        }
        for (size_t i = 0; full && i < s->config_files.n; i++)
                view_text_print_file(s->config_files.items[i], i, out);

        text_append_c(out, '\n');
        view_text_print_label("reload", out);
        text_append(out, ipc_control_outcome_name(s->reload_outcome));
        if (s->reload_outcome != IPC_CONTROL_OUTCOME_NONE) {
                text_append(out, "  ");
                status_fields_time(s->reload_wall, out);
                text_append(out, "  ");
                status_text_lines(s->reload_text, VIEW_INDENT, out);
        } else
                text_append_c(out, '\n');
        view_text_print_warnings(s, out);
}

static void view_text_print_workers(const struct status_snapshot *s, struct text *out) {
        const char *separator = "  (";

        view_text_print_label("workers", out);
        text_printf(out, "%u busy, %u idle, at most %llu", s->n_active, s->n_idle, (unsigned long long)s->max_children);
        for (uint32_t stage = STAGE_NONE + 1; stage < _STAGE_MAX; stage++) {
                if (s->n_stage[stage] == 0)
                        continue;
                text_printf(out, "%s%s %u", separator, stage_info(stage)->name, s->n_stage[stage]);
                separator = ", ";
        }
        text_append(out, s->n_total > 0 ? ")\n" : "\n");
}

/* Those of n numbers that are not 0; nothing where all are. */
static void view_text_print_numbers(const char *label, const char *const *names, const uint64_t *values, size_t n,
                                    struct text *out) {
        bool any = false;

        for (size_t i = 0; i < n; i++) {
                if (values[i] == 0)
                        continue;
                if (!any)
                        view_text_print_label(label, out);
                text_printf(out, "%s%llu %s", any ? ", " : "", (unsigned long long)values[i], names[i]);
                any = true;
        }
        if (any)
                text_append_c(out, '\n');
}

#define NAME(field, name, help) name,

/* What was done where more requests came than could be served, and what the fence has kept out. */
static void view_text_print_events(const struct status_snapshot *s, struct text *out) {
        static const char *const overload[_SCOREBOARD_OVERLOAD_MAX] = { SCOREBOARD_OVERLOAD_NUMBERS(NAME) };
        static const char *const denied[_SCOREBOARD_DENIED_MAX] = { SCOREBOARD_DENIED_NUMBERS(NAME) };

        view_text_print_numbers("overload", overload, s->overload, ELEMENTSOF(overload), out);
        view_text_print_numbers("denied", denied, s->denied, ELEMENTSOF(denied), out);
}

static void view_text_print_lost(const struct status_snapshot *s, struct text *out) {
        const char *separator = ", of ";
        uint64_t n = 0;

        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                n += s->logs_lost[k];
        if (n == 0)
                return;
        text_printf(out, ", log entries lost %llu", (unsigned long long)n);
        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                if (s->logs_lost[k] > 0)
                        text_printf(out, "%s%s %llu", separator, log_out_kind_name((enum log_kind)k),
                                    (unsigned long long)s->logs_lost[k]);
}

/* pm.max_children counts what php-fpm counts: a static pool never reaches it, whoever waits. */
static void view_text_print_trouble(const struct status_snapshot *s, struct text *out) {
        uint64_t n_waiting = number_add(s->listen_queue, s->park[SCOREBOARD_PARK_waiting]);
        _cleanup_text_ struct text all = {};

        if (n_waiting > 0 && s->max_children > 0 && s->n_active >= s->max_children) {
                text_append(&all, ", ");
                view_text_print_count(n_waiting, "client", &all);
                text_printf(&all, " waiting with %u of %llu workers busy", s->n_active,
                            (unsigned long long)s->max_children);
        }
        if (s->max_children_reached > 0) {
                text_append(&all, ", pm.max_children reached ");
                view_text_print_count(s->max_children_reached, "time", &all);
        }
        if (s->workers_died > 0)
                text_printf(&all, ", workers died %llu, of want of memory %llu", (unsigned long long)s->workers_died,
                            (unsigned long long)s->workers_oom);
        view_text_print_lost(s, &all);
        out->failed |= all.failed;
        if (all.n == 0)
                return;
        view_text_print_label("trouble", out);
        text_printf(out, "%s\n", text_peek(&all) + strlen(", "));
}

static void view_text_print_counters(const struct status_snapshot *s, struct text *out) {
        double seconds = (double)s->start_since / (double)USEC_PER_SEC;

        view_text_print_label("requests", out);
        text_printf(out, "%llu", (unsigned long long)s->requests);
        if (seconds > 0) {
                text_printf(out, ", %.1f/s in ", (double)s->requests / seconds);
                ctl_print_span(s->start_since, out);
        }
        text_printf(out, ", most busy at once %llu\n", (unsigned long long)s->max_active);

        view_text_print_label("queue", out);
        text_printf(out, "%llu waiting, most %llu of %llu\n", (unsigned long long)s->listen_queue,
                    (unsigned long long)s->max_listen_queue, (unsigned long long)s->listen_queue_len);
        view_text_print_events(s, out);
        view_text_print_trouble(s, out);
}

/* Connections that wait for their clients. */
static void view_text_print_park(const struct ctl_view_pool *p, struct text *out) {
        const uint64_t *n = p->snapshot.park;

        if (p->message.pool.park_pid == 0)
                return;
        text_printf(out, "  park %llu", (unsigned long long)p->message.pool.park_pid);
        if (p->error == 0)
                text_printf(
                        out, "  %llu idle, %llu receiving, %llu waiting, %llu writing, %llu KiB",
                        (unsigned long long)n[SCOREBOARD_PARK_idle], (unsigned long long)n[SCOREBOARD_PARK_receiving],
                        (unsigned long long)n[SCOREBOARD_PARK_waiting], (unsigned long long)n[SCOREBOARD_PARK_writing],
                        (unsigned long long)(n[SCOREBOARD_PARK_bytes] + 1023) / 1024);
        if (p->error == 0 && n[SCOREBOARD_PARK_refused] + n[SCOREBOARD_PARK_timed_out] > 0)
                text_printf(out, "; closed: %llu for want of room, %llu timed out",
                            (unsigned long long)n[SCOREBOARD_PARK_refused],
                            (unsigned long long)n[SCOREBOARD_PARK_timed_out]);
        if (p->error == 0 && n[SCOREBOARD_PARK_lost] > 0)
                text_printf(out, "; lost with a park that died: %llu", (unsigned long long)n[SCOREBOARD_PARK_lost]);
        text_append_c(out, '\n');
}

/* Generation g's worker; with no g, one whose zygote has ended while it goes on. */
static bool view_text_belongs(const struct scoreboard_slot *w, const struct ipc_control_pool *pool,
                              const struct ipc_control_generation *g) {
        if (g)
                return w->generation == g->number;
        for (size_t i = 0; i < pool->n_generations; i++)
                if (w->generation == pool->generations[i].number)
                        return false;
        return true;
}

static void view_text_print_pids(const struct ctl_view_pool *p, const struct ipc_control_generation *g,
                                 struct text *out) {
        const struct status_snapshot *s = &p->snapshot;
        size_t n = 0;

        for (uint32_t i = 0; i < s->n_workers; i++) {
                if (!view_text_belongs(&s->workers[i], &p->message.pool, g))
                        continue;
                if (n++ % PIDS_PER_LINE == 0)
                        text_printf(out, "%s", n == 1 ? "    workers" : "\n           ");
                text_printf(out, " %d", s->workers[i].pid);
        }
        if (n > 0)
                text_append_c(out, '\n');
}

static void view_text_print_row(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        const struct stage_info *stage = stage_info(w->stage);
        size_t start;

        text_printf(out, "    worker %-7d  %-15s  ", w->pid, stage->name);
        start = out->n;
        ctl_print_span(s->now > w->stage_mono ? s->now - w->stage_mono : 0, out);
        while (out->n < start + 8 && !out->failed)
                text_append_c(out, ' ');
        text_printf(out, "%7llu served", (unsigned long long)(w->request_id - (stage->request && w->request_id > 0)));
        if (stage->request && w->method[0] != '\0') {
                text_append(out, "  ");
                status_text_clean(w->method, out);
                text_append_c(out, ' ');
                status_text_clean(w->uri, out);
        }
        text_append_c(out, '\n');
}

static void view_text_print_processes(const struct ctl_view_pool *p, const struct ipc_control_generation *g, bool full,
                                      struct text *out) {
        const struct status_snapshot *s = &p->snapshot;

        if (!full) {
                view_text_print_pids(p, g, out);
                return;
        }
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (view_text_belongs(&s->workers[i], &p->message.pool, g))
                        view_text_print_row(s, &s->workers[i], out);
}

static void view_text_print_generation(const struct ctl_view_pool *p, const struct ipc_control_generation *g, bool full,
                                       struct text *out) {
        if (g->life == IPC_CONTROL_LIFE_ASLEEP) {
                text_printf(out, "  asleep  generation %llu  no process, until a client connects\n",
                            (unsigned long long)g->number);
                return;
        }
        text_printf(out, "  zygote %llu  generation %llu  %s  ", (unsigned long long)g->zygote_pid,
                    (unsigned long long)g->number, ipc_control_life_name(g->life));
        view_text_print_count(g->n_workers, "worker", out);
        text_append(out, "  PHP ");
        status_text_clean(g->php_version, out);
        text_append(out, "\n    PHP read ");
        view_text_print_count(ctl_view_each_file(g->ini_files, NULL, NULL), "file", out);
        if (full)
                ctl_view_each_file(g->ini_files, view_text_print_file, out);
        else if (g->ini_files[0] != '\0') {
                char first[SCOREBOARD_SCRIPT_MAX];

                text_copy(first, sizeof(first), g->ini_files, strcspn(g->ini_files, ",\n"));
                text_append(out, ": ");
                status_text_clean(first, out);
                text_append(out, strchr(g->ini_files, ',') ? ", ..." : "");
        }
        text_append_c(out, '\n');
        if (g->life != IPC_CONTROL_LIFE_DRAINING && g->remarks[0] != '\0') {
                view_text_print_label("warning", out);
                text_append(out, "PHP has not taken all of its settings:\n            ");
                status_text_lines(g->remarks, VIEW_INDENT, out);
        }

        view_text_print_processes(p, g, full, out);
}

static void view_text_print_orphans(const struct ctl_view_pool *p, bool full, struct text *out) {
        const struct status_snapshot *s = &p->snapshot;
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n_workers; i++)
                n += view_text_belongs(&s->workers[i], &p->message.pool, NULL);
        if (n == 0)
                return;
        text_append(out, "  no zygote  ");
        view_text_print_count(n, "worker", out);
        text_append(out, " of generations that have ended\n");
        view_text_print_processes(p, NULL, full, out);
}

/* Why load balancers are told to send it nothing. */
static void view_text_print_health(const struct ipc_control_pool *pool, struct text *out) {
        if (pool->ready || pool->failed_starts > 0 || pool->health[0] == '\0')
                return;
        view_text_print_label("health", out);
        status_text_clean(pool->health, out);
        text_append_c(out, '\n');
}

/* Since when PHP does not start, in tries, and why. */
static void view_text_print_problem(const struct ipc_control_pool *pool, struct text *out) {
        if (pool->failed_starts == 0)
                return;
        view_text_print_label("problem", out);
        text_append(out, "does not start, ");
        text_printf(out, "tried %llu times", (unsigned long long)pool->failed_starts);
        text_append(out, ": ");
        status_text_clean(pool->problem, out);
        text_append_c(out, '\n');
}

static void view_text_print_pool(const struct ctl_view_pool *p, bool full, struct text *out) {
        const struct ipc_control_pool *pool = &p->message.pool;

        text_append(out, "\npool ");
        status_text_clean(pool->name, out);
        if (p->error == 0) {
                text_append(out, "  ");
                status_text_clean(p->snapshot.pm, out);
        }
        for (size_t i = 0; i < pool->listen.n; i++) {
                text_append(out, i == 0 ? "  " : ", ");
                status_text_clean(pool->listen.items[i], out);
        }
        text_append_c(out, '\n');
        view_text_print_problem(pool, out);
        view_text_print_health(pool, out);

        if (p->error == 0) {
                view_text_print_workers(&p->snapshot, out);
                view_text_print_counters(&p->snapshot, out);
        } else
                text_printf(out, "  no numbers: its scoreboard cannot be read: %s\n", strerror(-p->error));
        view_text_print_park(p, out);
        for (size_t i = 0; i < pool->n_generations; i++)
                view_text_print_generation(p, &pool->generations[i], full, out);
        view_text_print_orphans(p, full, out);
}

void ctl_view_text(const struct ctl_view *v, bool full, struct text *out) {
        view_text_print_service(&v->message.service, full, out);
        for (size_t i = 0; i < v->n_pools; i++)
                view_text_print_pool(&v->pools[i], full, out);
}
