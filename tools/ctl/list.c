/* SPDX-License-Identifier: MIT */
/*
 * fpmctl list: each pool that is a unit of its own, one line or one object. Files say what it is, systemd what its
 * units do, and the master of one that runs what it has done; nobody is woken by being listed.
 */

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/number.h"
#include "ctl.h"
#include "unitlist.h"
#include "view.h"

#define TIMEOUT (2 * USEC_PER_SEC)

static const char usage[] =
        "fpmctl list [--json]\n"
        "\n"
        "Lists the pools of the folders that units.conf names, which are instances of fpmd@.service:\n"
        "\n"
        "  running   its service is there\n"
        "  asleep    systemd listens, and the next connection starts the service\n"
        "  shared    fpmd.service serves it, with the other pools of its configuration\n"
        "  off       nobody listens\n"
        "  failed    its service or its socket has failed: systemctl status fpmd@NAME\n"
        "  broken    its file has mistakes: it goes on as it is, and could not be started again\n"
        "  gone      its file has gone, and its unit is still there: fpmctl disable NAME\n"
        "\n"
        "  --json    for programs: one array, an object for each pool\n";

struct list_numbers {
        bool known;
        bool closed; /* to this user */
        uint64_t requests, workers, active;
        uint64_t last_use; /* usec since the epoch; 0: never */
};

static const char *list_state(const struct unitlist *l, const struct unitlist_pool *p) {
        if (text_equal(p->service, "failed") || text_equal(p->socket, "failed"))
                return "failed";
        if (p->problems)
                return "broken";
        if (p->is_stray && !*p->file)
                return "gone";
        if (*p->service && !text_equal(p->service, "inactive"))
                return "running";
        if (text_equal(p->socket, "active"))
                return "asleep";
        return unitlist_is_shared(l, p) ? "shared" : "off";
}

/* Who it runs as, while it does; else the file's user; of a file that names none the one that systemd gives to the
 * service. fpmd.service has one for all. */
static const char *list_user(const struct unitlist *l, const struct unitlist_pool *p) {
        const struct passwd *user = p->uid != UINT64_MAX ? getpwuid((uid_t)p->uid) : NULL;

        if (user)
                return user->pw_name;
        if (unitlist_is_shared(l, p) && *l->main_user)
                return l->main_user;
        return *p->user || p->problems ? p->user : p->runs_as; /* a unit of a broken file has the template's */
}

/* Of the one pool, or of one of those that fpmd.service has. */
static void list_count(const struct ctl_view *v, const char *name, struct list_numbers *ret) {
        for (size_t i = 0; i < v->n_pools; i++) {
                const struct status_snapshot *s = &v->pools[i].snapshot;

                if (!text_equal(v->pools[i].message.pool.name, name))
                        continue;
                ret->known = true;
                ret->requests = number_add(ret->requests, s->requests);
                ret->workers += s->n_total;
                ret->active += s->n_active;
                ret->last_use = MAX(ret->last_use, s->last_use);
        }
}

/* Of one that runs: a folder without a control socket is one that starts or ends. */
static void list_ask(const struct unitlist *l, const struct unitlist_pool *p, struct list_numbers *ret) {
        bool shared = unitlist_is_shared(l, p);
        char path[sizeof("/run/fpmd-/" IPC_CONTROL_SOCKET) + 256];
        struct ctl ctl = { .socket = path };
        _cleanup_view_ struct ctl_view v = {};

        *ret = (struct list_numbers){};
        snprintf(path, sizeof(path), "/run/fpmd%s%.255s/" IPC_CONTROL_SOCKET, shared ? "" : "-", shared ? "" : p->name);
        if ((!shared && !text_equal(p->service, "active")) || access(path, F_OK) < 0)
                return;
        ret->closed = access(path, W_OK) < 0;
        if (!ret->closed && ctl_status_collect(&ctl, TIMEOUT, &v) == 0)
                list_count(&v, p->name, ret);
}

static void list_put_time(uint64_t wall, struct text *out) {
        time_t seconds = (time_t)(wall / USEC_PER_SEC);
        char text[64] = "";
        struct tm tm;

        if (wall > 0 && localtime_r(&seconds, &tm))
                strftime(text, sizeof(text), "%F %T", &tm);
        ctl_print_cell(text, 21, out);
}

static void list_put_cell(uint64_t value, bool known, struct text *out) {
        char text[32];

        snprintf(text, sizeof(text), known ? "%" PRIu64 : "-", value);
        ctl_print_cell(text, 10, out);
}

static void list_put_line(const struct unitlist *l, const struct unitlist_pool *p, const struct list_numbers *n,
                          struct text *out) {
        ctl_print_cell(p->name, 20, out);
        text_append_c(out, ' ');
        ctl_print_cell(list_state(l, p), 9, out);
        ctl_print_cell(list_user(l, p), 15, out);
        text_append_c(out, ' ');
        list_put_cell(p->memory >> 20, p->memory != UINT64_MAX, out);
        list_put_cell(n->requests, n->known, out);
        list_put_time(n->last_use, out);
        ctl_print_cell(p->listen, 0, out);
        text_append_c(out, '\n');
}

static void list_put_key(const char *key, const char *value, struct text *out) {
        text_printf(out, "\"%s\":", key);
        json_string(value, out);
        text_append_c(out, ',');
}

static void list_put_number(const char *key, uint64_t value, bool known, struct text *out) {
        if (known)
                text_printf(out, "\"%s\":%" PRIu64 ",", key, value);
        else
                text_printf(out, "\"%s\":null,", key);
}

static void list_put_object(const struct unitlist *l, const struct unitlist_pool *p, const struct list_numbers *n,
                            struct text *out) {
        text_append_c(out, '{');
        list_put_key("name", p->name, out);
        list_put_key("state", list_state(l, p), out);
        list_put_key("user", list_user(l, p), out);
        list_put_number("uid", p->uid, p->uid != UINT64_MAX, out);
        list_put_key("listen", p->listen, out);
        list_put_key("file", p->file, out);
        list_put_key("problems", p->problems ?: "", out);
        list_put_number("memory", p->memory, p->memory != UINT64_MAX, out);
        list_put_number("requests", n->requests, n->known, out);
        list_put_number("workers", n->workers, n->known, out);
        list_put_number("active", n->active, n->known, out);
        list_put_number("last use", n->last_use / USEC_PER_SEC, n->known && n->last_use > 0, out);
        out->n--; /* the last comma */
        text_append_c(out, '}');
}

static void list_print(const struct unitlist *l, bool json, struct text *out) {
        bool closed = false;

        text_append(out, json ? "["
                              : "NAME                 STATE    USER            MEMORY/MB REQUESTS  LAST USE"
                                "             LISTEN\n");
        for (size_t i = 0; i < l->n; i++) {
                struct list_numbers numbers;

                list_ask(l, &l->pools[i], &numbers);
                closed |= numbers.closed;
                if (json && i > 0)
                        text_append_c(out, ',');
                (json ? list_put_object : list_put_line)(l, &l->pools[i], &numbers, out);
        }
        if (json)
                text_append(out, "]\n");
        if (closed)
                ctl_print_error("requests and last use of pools that run are told to root, and to the services' users");
}

int ctl_list_main(struct ctl *ctl, int argc, char *argv[]) {
        enum { JSON = CTL_OPTION_OWN };
        static const struct option options[] = { CTL_COMMON_OPTIONS, { "json", no_argument, NULL, JSON }, {} };
        _cleanup_unitlist_ struct unitlist list = {};
        _cleanup_text_ struct text out = {};
        bool json = false;
        int c, r, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
                if (c == JSON)
                        json = true;
                else if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        if (optind != argc) {
                ctl_print_error("list takes no names; -h explains");
                return CTL_EXIT_USAGE;
        }
        r = unitlist_read(&list);
        if (r == 0)
                r = unitlist_ask(&list);
        if (r < 0)
                return -r;
        list_print(&list, json, &out);
        if (out.failed) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        fputs(text_peek(&out), stdout);
        return CTL_EXIT_OK;
}
