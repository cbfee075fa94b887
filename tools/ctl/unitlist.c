/* SPDX-License-Identifier: MIT */
/* Files are read as fpmd-generator reads them, and the first of a name is the one, as there. */

#include "unitlist.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "conf/load.h"
#include "conf/ownunit.h"
#include "ctl.h"
#include "systemctl.h"
#include "unitblock.h"
#include "units/instance.h"
#include "units/poolfiles.h"
#include "units/socketunit.h"
#include "units/unitsconf.h"

void unitlist_done(struct unitlist *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->pools[i].name);
                free(l->pools[i].file);
                free(l->pools[i].user);
                free(l->pools[i].group);
                free(l->pools[i].listen);
                free(l->pools[i].problems);
                free(l->pools[i].address);
                free(l->pools[i].unit_listen);
        }
        free(l->pools);
        free(l->main_sockets);
        names_done(&l->places);
        names_done(&l->at);
        *l = (struct unitlist){};
}

struct unitlist_pool *unitlist_find(const struct unitlist *l, const char *name) {
        size_t place;

        return names_find(&l->places, name, &place) ? &l->pools[place] : NULL;
}

static int unitlist_add_address(struct unitlist *l, struct unitlist_pool *p) {
        char address[CONF_PATH_BYTES + 1];
        size_t place;

        if (!*p->listen || socketunit_address(p->listen, address) != 0)
                return 0;
        p->address = strdup(address);
        if (!p->address)
                return -ENOMEM;
        p->same = names_find(&l->at, address, &place) ? place + 1 : 0;
        return names_put(&l->at, p->address, (size_t)(p - l->pools));
}

static int unitlist_add(struct unitlist *l, const char *file, const struct conf_pool *pool, const char *problems) {
        struct unitlist_pool *pools, *p;
        int r;

        if (instance_name_error(pool->name) || unitlist_find(l, pool->name) ||
            (l->pool_name && !text_equal(l->pool_name, pool->name)))
                return 0;
        pools = reallocarray(l->pools, l->n + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        l->pools = pools;
        p = &pools[l->n++];
        *p = (struct unitlist_pool){ .name = strdup(pool->name),
                                     .file = strdup(file),
                                     .user = strdup(pool->user ?: ""),
                                     .group = strdup(pool->group ?: ""),
                                     .listen = strdup(pool->listen ?: ""),
                                     .problems = problems ? strdup(problems) : NULL,
                                     .memory = UINT64_MAX,
                                     .uid = UINT64_MAX };
        if (!p->name || !p->file || !p->user || !p->group || !p->listen || (problems && !p->problems))
                return -ENOMEM;
        r = names_put(&l->places, p->name, l->n - 1);
        return r < 0 ? r : unitlist_add_address(l, p);
}

static int unitlist_on_pool(const char *file, const struct conf_pool *pool, void *userdata) {
        return unitlist_add(userdata, file, pool, NULL);
}

static int unitlist_on_broken(const char *file, const struct conf_pool *pool, const char *problems, void *userdata) {
        return unitlist_add(userdata, file, pool, problems);
}

static int unitlist_on_remark(const char *line, _unused_ void *userdata) {
        fputs(line, stderr);
        return 0;
}

int unitlist_read(const char *name, struct unitlist *ret) {
        const struct poolfiles_visitor visitor = { .pool_name = name,
                                                   .pool = unitlist_on_pool,
                                                   .broken = unitlist_on_broken,
                                                   .remark = unitlist_on_remark,
                                                   .userdata = ret };
        _cleanup_unitsconf_ struct unitsconf conf = {};
        _cleanup_text_ struct text problems = {};
        int r;

        ret->pool_name = name;
        r = unitsconf_load(FPMD_SYSCONFDIR "/units.conf", &conf, &problems);
        fputs(text_peek(&problems), stderr);
        if (r == 0)
                r = poolfiles_visit(conf.folders, conf.n_folders, &visitor);
        if (r == 0)
                return 0;
        ctl_print_error("%s", strerror(-r));
        return -CTL_EXIT_FAILED;
}

/* Words in place of a number ("[not set]"), and the numbers that systemd has for none. */
static uint64_t unitlist_number(const char *value, uint64_t max) {
        uint64_t n;

        return number_parse_u64(value, max, &n) < 0 ? UINT64_MAX : n;
}

static void unitlist_take_service(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->service, sizeof(p->service), "%s", value);
        else if (text_equal(name, "User"))
                snprintf(p->runs_as, sizeof(p->runs_as), "%s", value);
        else if (text_equal(name, "UID"))
                p->uid = unitlist_number(value, UINT32_MAX - 1);
        else if (text_equal(name, "MemoryCurrent"))
                p->memory = unitlist_number(value, UINT64_MAX);
}

static void unitlist_take_socket(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->socket, sizeof(p->socket), "%s", value);
        else if (text_equal(name, "Listen") && !p->unit_listen)
                p->unit_listen = strndup(value, strcspn(value, " "));
}

/* fpmd.service. */
static void unitlist_take_main(struct unitlist *l, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                l->main_runs |= text_equal(value, "active") || text_equal(value, "reloading");
        else if (text_equal(name, "User") && *value)
                snprintf(l->main_user, sizeof(l->main_user), "%s", value);
        else if (text_equal(name, "TriggeredBy") && !l->main_sockets)
                l->main_sockets = strdup(value); /* where memory is out, the next call fails too */
}

/* A socket unit that is up for fpmd.service, of whatever name: its pools have it by their names or their addresses.
 * There may be as many as there are pools. */
static void unitlist_take_main_socket(struct unitlist *l, const char *block) {
        const char *names = block, *addresses = block;
        char word[CONF_PATH_BYTES + 1];
        struct unitlist_pool *p;
        size_t place;

        if (!unitblock_has_line(block, "ActiveState=active") || !unitblock_has_line(block, "Triggers=fpmd.service"))
                return;
        l->main_listens = true;
        while (unitblock_next_word(&names, "FileDescriptorName=", word))
                if ((p = unitlist_find(l, word)))
                        p->has_main_socket = true;
        while (unitblock_next_word(&addresses, "Listen=", word))
                for (size_t i = names_find(&l->at, word, &place) ? place + 1 : 0; i > 0; i = l->pools[i - 1].same)
                        l->pools[i - 1].has_main_socket = true;
}

/* One that is up, of no file of the folders: of /etc/fpmd/instances, or of one that has gone. NULL: it is neither. */
static struct unitlist_pool *unitlist_add_stray(struct unitlist *l, char *name, const char *block) {
        struct conf_pool pool = { .name = name };
        char file[PATH_MAX];
        size_t n = l->n;

        if (unitblock_has_line(block, "ActiveState=inactive"))
                return NULL;
        snprintf(file, sizeof(file), FPMD_SYSCONFDIR "/instances/%s.conf", name);
        if (unitlist_add(l, access(file, F_OK) == 0 ? file : "", &pool, NULL) < 0 || l->n == n)
                return NULL;
        l->pools[l->n - 1].is_stray = true;
        return &l->pools[l->n - 1];
}

/* The pool whose unit that is, or NULL. */
static struct unitlist_pool *unitlist_take_pool(struct unitlist *l, const char *unit, const char *block) {
        char name[CONF_POOL_NAME_MAX + 1];

        if (!unitblock_take_pool(unit, name))
                return NULL;
        return unitlist_find(l, name) ?: unitlist_add_stray(l, name, block);
}

/* NAME=VALUE lines of one unit, in systemd's order. */
static void unitlist_take_unit(struct unitlist *l, char *block) {
        bool is_service, is_main;
        struct unitlist_pool *p;
        char *line, *name, unit[256];

        if (!unitblock_id(block, unit))
                return;
        unitlist_take_main_socket(l, block);
        p = unitlist_take_pool(l, unit, block);
        is_service = text_has_suffix(unit, ".service");
        is_main = text_equal(unit, "fpmd.service");
        while ((p || is_main) && (line = strsep(&block, "\n"))) {
                name = strsep(&line, "=");
                if (line && is_main)
                        unitlist_take_main(l, name, line);
                else if (line)
                        (is_service ? unitlist_take_service : unitlist_take_socket)(p, name, line);
        }
}

static void unitlist_take_states(struct unitlist *l, char *text) {
        char *block;

        while ((block = unitblock_next(&text)))
                unitlist_take_unit(l, block);
}

/* Of one that does not read: the files that it has as it is shipped, and that are not left to units. */
static void unitlist_guess_main(struct unitlist *l) {
        _cleanup_ownunits_ struct conf_ownunits units = {};

        (void)conf_ownunit_read(FPMD_UNIT_FOLDERS, &units); /* which are not there, else */
        for (size_t i = 0; i < l->n; i++)
                l->pools[i].is_read_by_main = text_has_prefix(l->pools[i].file, FPMD_SYSCONFDIR "/pool.d/") &&
                                              !conf_ownunit_has(&units, l->pools[i].name);
}

/* Of a service that is neither up nor has a socket nobody asks whose pools it has. */
static int unitlist_look_at_main(struct unitlist *l) {
        const struct conf_options options = { .text_only = true, .no_environment = true, .units = FPMD_UNIT_FOLDERS };
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        if (!l->main_runs && !l->main_listens)
                return 0;
        r = conf_load_unchecked(CTL_CONFIG_DEFAULT, &options, &conf);
        if (r > 0)
                unitlist_guess_main(l);
        for (size_t i = 0; r == 0 && i < conf->n_pools; i++) {
                const struct conf_pool *pool = &conf->pools[i];
                struct unitlist_pool *p = unitlist_find(l, pool->name);

                if (p && pool->where.file && text_equal(p->file, pool->where.file))
                        p->is_read_by_main = true;
        }
        return r == -ENOMEM ? r : 0;
}

/* Its own units are. */
static bool unitlist_is_off(const struct unitlist_pool *p) {
        return (!*p->service || text_equal(p->service, "inactive")) && !text_equal(p->socket, "active");
}

bool unitlist_is_shared(const struct unitlist *l, const struct unitlist_pool *p) {
        return unitlist_is_off(p) && p->is_read_by_main && (l->main_listens ? p->has_main_socket : l->main_runs);
}

const char *unitlist_address(const struct unitlist_pool *p, char buf[static CONF_PATH_BYTES + 1]) {
        if (p->unit_listen && (!*p->listen || text_equal(p->listen, "systemd")))
                return p->unit_listen;
        return *p->listen && instance_address(p->name, p->listen, buf) == 0 ? buf : p->listen;
}

/* 0, or a negative exit code after the error was told. */
static int unitlist_run(const char *const *words, struct text *out) {
        int r = systemctl_run(words, out);

        if (r < 0)
                return r;
        if (r == 0 && !out->failed)
                return 0;
        ctl_print_error("systemd does not say what its units do: the line above says why");
        return -CTL_EXIT_UNAVAILABLE;
}

static int unitlist_tell_no_memory(void) {
        ctl_print_error("out of memory");
        return -CTL_EXIT_FAILED;
}

static void unitlist_put_show(struct systemctl_words *w) {
        systemctl_put(w, "show");
        systemctl_put(w, "--all");
        systemctl_put(w, "--property=Id,ActiveState,MemoryCurrent,User,UID,Listen,Triggers,TriggeredBy,"
                         "FileDescriptorName");
        systemctl_put(w, "--");
}

static int unitlist_show(struct unitlist *l, const struct systemctl_words *words) {
        _cleanup_text_ struct text out = {};
        int r;

        if (words->failed)
                return unitlist_tell_no_memory();
        r = unitlist_run(words->items, &out);
        if (r == 0 && out.data)
                unitlist_take_states(l, out.data);
        return r;
}

/* Of fpmd.service's socket units, for a pool that may be its. They may be thousands, which take systemd long: those
 * that are called after the pool come first. */
static int unitlist_show_main_sockets(struct unitlist *l) {
        _cleanup_systemctl_words_ struct systemctl_words likely = {}, others = {};
        const struct unitlist_pool *p = unitlist_find(l, l->pool_name);
        char *names = l->main_sockets, *name;
        size_t n;
        int r;

        if (!p || !unitlist_is_off(p))
                return 0;
        unitlist_put_show(&likely);
        unitlist_put_show(&others);
        n = others.n;
        while ((name = strsep(&names, " ")))
                if (*name)
                        systemctl_put(strstr(name, l->pool_name) ? &likely : &others, name);
        r = likely.n > n ? unitlist_show(l, &likely) : 0;
        return r < 0 || others.n == n || p->has_main_socket ? r : unitlist_show(l, &others);
}

static int unitlist_show_one(struct unitlist *l) {
        char service[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX], socket[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX];
        _cleanup_systemctl_words_ struct systemctl_words words = {};
        int r;

        snprintf(service, sizeof(service), "fpmd@%s.service", l->pool_name);
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", l->pool_name);
        unitlist_put_show(&words);
        systemctl_put(&words, service);
        systemctl_put(&words, socket);
        systemctl_put(&words, "fpmd.service");
        r = unitlist_show(l, &words);
        return r < 0 ? r : unitlist_show_main_sockets(l);
}

/* "systemctl edit" of a socket unit, which may have given it another address. */
static bool unitlist_is_edited(const char *socket) {
        char path[sizeof("/etc/systemd/system/.d") + 256];

        snprintf(path, sizeof(path), "/etc/systemd/system/%.255s.d", socket);
        return access(path, F_OK) == 0 || access("/etc/systemd/system/fpmd@.socket.d", F_OK) == 0;
}

/* Takes a unit's state. True when more of it is to be known: what runs, what is of no file, whom systemd has for a pool
 * whose file names nobody, and where it listens for one whose file leaves that to it. */
static bool unitlist_take_state(struct unitlist *l, const char *unit, const char *state) {
        bool is_service = text_has_suffix(unit, ".service"), is_off = text_equal(state, "inactive");
        char name[CONF_POOL_NAME_MAX + 1];
        struct unitlist_pool *p;

        if (!unitblock_take_pool(unit, name))
                return true;
        p = unitlist_find(l, name);
        if (!p)
                return !is_off;
        (is_service ? unitlist_take_service : unitlist_take_socket)(p, "ActiveState", state);
        return is_service ? !is_off || !*p->user : text_equal(p->listen, "systemd") && unitlist_is_edited(unit);
}

/* "fpmd@shop.socket loaded active listening ...". systemd says that of all units at once; to say all of each it takes
 * milliseconds, which of thousands are half a minute. */
static int unitlist_show_all(struct unitlist *l) {
        static const char *const states[] = { "list-units", "--all", "--full",         "--plain",  "--no-legend",
                                              "--no-pager", "--",    "fpmd@*.service", "*.socket", NULL };
        _cleanup_systemctl_words_ struct systemctl_words words = {};
        _cleanup_text_ struct text out = {};
        char *rest, *line;
        int r;

        r = unitlist_run(states, &out);
        if (r < 0)
                return r;
        unitlist_put_show(&words);
        systemctl_put(&words, "fpmd.service");
        rest = out.data;
        while ((line = strsep(&rest, "\n"))) {
                char *save = NULL, *unit = strtok_r(line, " ", &save), *load = strtok_r(NULL, " ", &save),
                     *state = strtok_r(NULL, " ", &save);

                if (load && state && unitlist_take_state(l, unit, state))
                        systemctl_put(&words, unit);
        }
        return unitlist_show(l, &words);
}

int unitlist_ask(struct unitlist *l) {
        int r = l->pool_name ? unitlist_show_one(l) : unitlist_show_all(l);

        return r < 0 || unitlist_look_at_main(l) == 0 ? r : unitlist_tell_no_memory();
}
