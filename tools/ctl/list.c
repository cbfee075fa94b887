/* SPDX-License-Identifier: MIT */
/*
 * fpmctl list: each pool that is a unit of its own, one line or one object. Files say what it is, systemd what its
 * units do, and the master of one that runs what it has done; nobody is woken by being listed.
 */

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/names.h"
#include "base/number.h"
#include "ctl.h"
#include "unitlist.h"
#include "unitquery.h"
#include "units/instance.h"
#include "view.h"

#define TIMEOUT (2 * USEC_PER_SEC)

static const char usage[] =
        "fpmctl list [--json] [NAME]\n"
        "\n"
        "Lists the pools of the folders that units.conf names, which are instances of fpmd@.service,\n"
        "or that one alone, whose state is had sooner where there are thousands:\n"
        "\n"
        "  running   its service is there\n"
        "  starting  it starts, for the first time, or again after a failure\n"
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
        if (text_equal(p->service, "activating"))
                return "starting";
        if (*p->service && !text_equal(p->service, "inactive"))
                return "running";
        if (text_equal(p->socket, "active"))
                return "asleep";
        if (unitlist_is_shared(l, p))
                return l->main_failed ? "failed" : "shared";
        return "off";
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

/* What fpmd.service serves is where its file says. */
static const char *list_listen(const struct unitlist *l, const struct unitlist_pool *p,
                               char buf[static CONF_PATH_BYTES + 1]) {
        bool is_own = !*p->listen || text_equal(p->listen, "systemd");

        return is_own && !unitlist_is_shared(l, p) ? unitlist_address(p, buf) : p->listen;
}

/* What a master says of its pools. */
struct list_master {
        bool asked, closed; /* the latter: to this user */
        struct ctl_view view;
        struct names places; /* of its pools */
};

static void list_master_done(struct list_master *m) {
        names_done(&m->places);
        ctl_view_done(&m->view);
}

/* A folder without a control socket is of one that starts or ends. */
static void list_ask(struct list_master *m, char *path) {
        struct ctl ctl = { .socket = path };

        m->asked = true;
        m->closed = access(path, W_OK) < 0 && errno != ENOENT;
        if (m->closed || access(path, F_OK) < 0 || ctl_status_collect(&ctl, TIMEOUT, &m->view) != 0)
                return;
        for (size_t i = 0; i < m->view.n_pools; i++)
                (void)names_put(&m->places, m->view.pools[i].message.pool.name, i); /* it has no numbers, else */
}

static void list_count(const struct list_master *m, const char *name, struct list_numbers *ret) {
        const struct status_snapshot *s;
        size_t place;

        ret->closed = m->closed;
        if (!names_find(&m->places, name, &place) || m->view.pools[place].error != 0)
                return;
        s = &m->view.pools[place].snapshot;
        *ret = (struct list_numbers){ .known = true,
                                      .requests = s->requests,
                                      .workers = s->n_total,
                                      .active = s->n_active,
                                      .last_use = s->last_use };
}

static void list_count_own(const struct unitlist_pool *p, struct list_numbers *ret) {
        _cleanup_(list_master_done) struct list_master m = {};
        char path[sizeof("/run/fpmd-/" IPC_CONTROL_SOCKET) + 256];

        if (!text_equal(p->service, "active"))
                return;
        snprintf(path, sizeof(path), "/run/fpmd-%.255s/" IPC_CONTROL_SOCKET, p->name);
        list_ask(&m, path);
        list_count(&m, p->name, ret);
}

/* main: fpmd.service's, which is asked once for all of its pools. */
static void list_count_pool(const struct unitlist *l, const struct unitlist_pool *p, struct list_master *main,
                            struct list_numbers *ret) {
        char path[] = "/run/fpmd/" IPC_CONTROL_SOCKET;

        *ret = (struct list_numbers){};
        if (!unitlist_is_shared(l, p)) {
                list_count_own(p, ret);
                return;
        }
        if (!main->asked)
                list_ask(main, path);
        list_count(main, p->name, ret);
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
        char address[CONF_PATH_BYTES + 1];

        ctl_print_cell(p->name, 20, out);
        text_append_c(out, ' ');
        ctl_print_cell(list_state(l, p), 9, out);
        ctl_print_cell(list_user(l, p), 15, out);
        text_append_c(out, ' ');
        list_put_cell(p->memory >> 20, p->memory != UINT64_MAX, out);
        list_put_cell(n->requests, n->known, out);
        list_put_time(n->last_use, out);
        ctl_print_cell(list_listen(l, p, address), 0, out);
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
        char address[CONF_PATH_BYTES + 1];

        text_append_c(out, '{');
        list_put_key("name", p->name, out);
        list_put_key("state", list_state(l, p), out);
        list_put_key("user", list_user(l, p), out);
        list_put_number("uid", p->uid, p->uid != UINT64_MAX, out);
        list_put_key("listen", list_listen(l, p, address), out);
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
        _cleanup_(list_master_done) struct list_master main = {};
        bool closed = false;

        text_append(out, json ? "["
                              : "NAME                 STATE    USER            MEMORY/MB REQUESTS  LAST USE"
                                "             LISTEN\n");
        for (size_t i = 0; i < l->n; i++) {
                struct list_numbers numbers;

                list_count_pool(l, &l->pools[i], &main, &numbers);
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
        if (optind + 1 < argc) {
                ctl_print_error("list takes one name at most; -h explains");
                return CTL_EXIT_USAGE;
        }
        if (argv[optind] && instance_name_error(argv[optind])) {
                ctl_print_error("'%s': %s", argv[optind], instance_name_error(argv[optind]));
                return CTL_EXIT_USAGE;
        }
        r = unitlist_read(argv[optind], &list);
        if (r == 0)
                r = unitquery_ask(&list);
        if (r < 0)
                return -r;
        if (argv[optind] && list.n == 0) {
                ctl_print_error("no pool '%s' in the folders of " FPMD_SYSCONFDIR
                                "/units.conf; fpmctl list shows those that are there",
                                argv[optind]);
                return CTL_EXIT_FAILED;
        }
        list_print(&list, json, &out);
        if (out.failed) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        fputs(text_peek(&out), stdout);
        return CTL_EXIT_OK;
}
