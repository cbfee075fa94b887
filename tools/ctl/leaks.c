/* SPDX-License-Identifier: MIT */
/*
 * fpmctl leaks: has requests of a pool examined for what they leave behind, waits for that, and prints it once for each
 * name, with the number of requests in which it was met. That number tells what a pool has warmed up with from what
 * leaks.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/number.h"
#include "ctl.h"
#include "leaklist.h"
#include "ownmaster.h"
#include "scoreboard/leaks.h"
#include "scoreboard/scoreboard.h"

#define LEAKS_LOOK_MS  100 /* between two looks */
#define LEAKS_REQUESTS 10
#define LEAKS_MAX      100000

static const char usage[] =
        "fpmctl leaks [--requests N] [--timeout SECONDS] POOL\n"
        "\n"
        "Examines the next requests of a pool with worker.script: what has grown or changed over a request, and is\n"
        "there in the next one. Waits until they have come, and prints each thing once, with the number of requests\n"
        "in which it was met. The first request of a worker is not examined.\n"
        "\n"
        "  --requests N         how many (10)\n"
        "  --timeout SECONDS    wait no longer, and print what was found so far\n";

struct leaks_options {
        uint64_t requests;
        usec_t timeout;
        char *pool;
};

static void leaks_print_kind(const struct leaklist *list, enum scoreboard_leak_kind kind, uint64_t requests) {
        bool any = false;

        for (size_t i = 0; i < list->n; i++) {
                const struct scoreboard_leak *l = &list->items[i].last;
                _cleanup_text_ struct text line = {};

                if (l->kind != kind)
                        continue;
                if (!any)
                        printf("%s:\n", leaks_heading(kind));
                any = true;
                ctl_print_cell(l->name, 0, &line);
                text_append_c(&line, ' ');
                ctl_print_cell(l->what, 0, &line);
                if (l->file[0]) {
                        text_append(&line, " (");
                        ctl_print_cell(l->file, 0, &line);
                        text_printf(&line, ":%u)", l->line);
                }
                printf("  %llu of %llu: %s\n", (unsigned long long)list->items[i].n, (unsigned long long)requests,
                       text_peek(&line));
        }
}

static int leaks_print(const struct leaklist *list, uint64_t requests) {
        if (list->failed) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        printf("%llu requests examined\n", (unsigned long long)requests);
        for (uint32_t kind = 0; kind < _SCOREBOARD_LEAK_MAX; kind++)
                leaks_print_kind(list, (enum scoreboard_leak_kind)kind, requests);
        if (list->n == 0 && requests > 0)
                puts("Nothing grew or changed.");
        if (list->lost > 0)
                printf("%llu more are in the log alone\n", (unsigned long long)list->lost);
        return CTL_EXIT_OK;
}

/* userdata: the pool's name. */
static int leaks_take_outcome(struct ipc_control_message *m, void *userdata) {
        const char *pool = userdata;

        if (m->type == IPC_CONTROL_DONE)
                return 0;
        ctl_print_error("leaks %s refused: %s", pool,
                        m->type == IPC_CONTROL_REFUSED ? m->result.text : ipc_control_type_name(m->type));
        return -CTL_EXIT_FAILED;
}

static int leaks_ask(const struct ctl *ctl, const struct leaks_options *o) {
        struct leaks_options own = *o;
        const struct ipc_control_message request = { .type = IPC_CONTROL_LEAKS,
                                                     .request = { .pools = { .items = &own.pool, .n = 1 },
                                                                  .requests = o->requests } };

        return -ctl_master_ask(ctl, 0, &request, &(struct ctl_answer){ leaks_take_outcome, own.pool });
}

static int leaks_wait(const struct ctl *ctl, const struct leaks_options *o, const struct scoreboard *s) {
        uint64_t begun = atomic_load_explicit(&s->leaks.examined, memory_order_acquire), done = 0;
        uint64_t next = atomic_load_explicit(&s->leaks.found, memory_order_acquire);
        _cleanup_leaklist_ struct leaklist list = {};
        usec_t start = time_now();
        int code = leaks_ask(ctl, o);
        bool over = false;

        if (code != CTL_EXIT_OK)
                return code;
        while (!over && done < o->requests) {
                poll(NULL, 0, LEAKS_LOOK_MS);
                over = o->timeout > 0 && time_now() - start >= o->timeout;
                done = atomic_load_explicit(&s->leaks.examined, memory_order_acquire) - begun;
                leaklist_read(&list, s, &next);
        }
        code = leaks_print(&list, done);
        if (code == CTL_EXIT_OK && done < o->requests) {
                ctl_print_error("no more requests have come in time");
                return CTL_EXIT_FAILED;
        }
        return code;
}

/* The scoreboard of a pool, out of the master's answer to status. */
struct leaks_map {
        const char *pool;
        const struct scoreboard **ret;
};

static int leaks_map_part(struct ipc_control_message *m, void *userdata) {
        const struct leaks_map *map = userdata;
        int r;

        if (m->type == IPC_CONTROL_SERVICE || (m->type == IPC_CONTROL_POOL && strcmp(m->pool.name, map->pool) != 0))
                return 1;
        if (m->type != IPC_CONTROL_POOL) {
                ctl_print_error("the service has no pool '%s'", map->pool);
                return -CTL_EXIT_FAILED;
        }
        r = scoreboard_map_readonly(m->pool.scoreboard_fd, map->ret);
        if (r == 0)
                return 0;
        ctl_print_error("the scoreboard of pool %s does not read: %s", map->pool, strerror(-r));
        return -CTL_EXIT_FAILED;
}

static int leaks_map(const struct ctl *ctl, const char *pool, const struct scoreboard **ret) {
        const struct ipc_control_message request = { .type = IPC_CONTROL_STATUS };
        struct leaks_map map = { pool, ret };

        return ctl_master_ask(ctl, 0, &request, &(struct ctl_answer){ leaks_map_part, &map });
}

static int leaks_parse_options(struct ctl *ctl, int argc, char *argv[], struct leaks_options *o) {
        enum { REQUESTS = CTL_OPTION_OWN, TIMEOUT };
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "requests", required_argument, NULL, REQUESTS },
                                                 { "timeout", required_argument, NULL, TIMEOUT },
                                                 {} };
        int c, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (c == REQUESTS && number_parse_u64(optarg, LEAKS_MAX, &o->requests) == 0 && o->requests > 0)
                        continue;
                if (c == TIMEOUT && ctl_parse_seconds(optarg, &o->timeout) == 0)
                        continue;
                if (c == REQUESTS || c == TIMEOUT) {
                        ctl_print_error(c == REQUESTS ? "--requests wants a number up to 100000, not '%s'"
                                                      : "--timeout wants seconds, not '%s'",
                                        optarg);
                        return -CTL_EXIT_USAGE;
                }
                if (ctl_option(ctl, c, usage, &code) != 0)
                        return code == CTL_EXIT_OK ? 1 : -code;
        }
        if (argc - optind == 1) {
                o->pool = argv[optind];
                return 0;
        }
        ctl_print_error("leaks wants the name of one pool");
        return -CTL_EXIT_USAGE;
}

static int leaks_run(const struct ctl *ctl, const struct leaks_options *o) {
        const struct scoreboard *s = NULL;
        int r = leaks_map(ctl, o->pool, &s);

        if (r < 0)
                return -r;
        r = leaks_wait(ctl, o, s);
        scoreboard_unmap(s);
        return r;
}

static int leaks_run_own(const struct ctl *own, _unused_ char **name, void *userdata) {
        return leaks_run(own, userdata);
}

int ctl_leaks_main(struct ctl *ctl, int argc, char *argv[]) {
        struct leaks_options o = { .requests = LEAKS_REQUESTS };
        int r = leaks_parse_options(ctl, argc, argv, &o);
        size_t n = ctl->is_given ? 0 : 1;

        if (r != 0)
                return r > 0 ? CTL_EXIT_OK : -r;
        if (n > 0) {
                r = ownmaster_take(ctl, &(struct ownmaster_each){ leaks_run_own, &o, CTL_EXIT_UNAVAILABLE },
                                   &argv[optind], &n);
                if (n == 0)
                        return r;
        }
        return leaks_run(ctl, &o);
}
