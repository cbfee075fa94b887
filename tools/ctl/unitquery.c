/* SPDX-License-Identifier: MIT */
/* Of all pools two questions: which units are up ("list-units"), which systemd says of all at once; then all of those
 * of which more is to be known ("show"), which takes it milliseconds for each, and half a minute for thousands. Of one
 * pool the second alone. */

#include "unitquery.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "ctl.h"
#include "systemctl.h"
#include "unitblock.h"

/* Words in place of a number ("[not set]"), and the numbers that systemd has for none. */
static uint64_t unitquery_number(const char *value, uint64_t max) {
        uint64_t n;

        return number_parse_u64(value, max, &n) < 0 ? UINT64_MAX : n;
}

static void unitquery_take_service(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->service, sizeof(p->service), "%s", value);
        else if (text_equal(name, "User"))
                snprintf(p->runs_as, sizeof(p->runs_as), "%s", value);
        else if (text_equal(name, "UID"))
                p->uid = unitquery_number(value, UINT32_MAX - 1);
        else if (text_equal(name, "MemoryCurrent"))
                p->memory = unitquery_number(value, UINT64_MAX);
}

static void unitquery_take_socket(struct unitlist_pool *p, const char *name, const char *value) {
        if (text_equal(name, "ActiveState"))
                snprintf(p->socket, sizeof(p->socket), "%s", value);
        else if (text_equal(name, "Listen") && !p->unit_listen)
                p->unit_listen = strndup(value, strcspn(value, " "));
}

/* fpmd.service. */
static void unitquery_take_main(struct unitlist *l, const char *name, const char *value) {
        if (text_equal(name, "ActiveState")) {
                l->main_runs |= text_equal(value, "active") || text_equal(value, "reloading");
                l->main_failed = text_equal(value, "failed");
        } else if (text_equal(name, "User") && *value)
                snprintf(l->main_user, sizeof(l->main_user), "%s", value);
        else if (text_equal(name, "TriggeredBy") && !l->main_sockets)
                l->main_sockets = strdup(value); /* where memory is out, the next call fails too */
}

static void unitquery_take_main_listen(struct unitlist_pool *p, const char *block) {
        char word[CONF_PATH_BYTES + 1];

        p->has_main_socket = true;
        if (!p->main_listen && unitblock_next_word(&block, "Listen=", word))
                p->main_listen = strdup(word);
}

/* A socket unit that is up for fpmd.service, of whatever name: its pools have it by their names or their addresses.
 * There may be as many as there are pools. */
static void unitquery_take_main_socket(struct unitlist *l, const char *block) {
        const char *names = block, *addresses = block;
        char word[CONF_PATH_BYTES + 1];
        struct unitlist_pool *p;
        size_t place;

        if (!unitblock_has_line(block, "ActiveState=active") || !unitblock_has_line(block, "Triggers=fpmd.service"))
                return;
        l->main_listens = true;
        while (unitblock_next_word(&names, "FileDescriptorName=", word))
                if ((p = unitlist_find(l, word)))
                        unitquery_take_main_listen(p, block);
        while (unitblock_next_word(&addresses, "Listen=", word))
                for (size_t i = names_find(&l->at, word, &place) ? place + 1 : 0; i > 0; i = l->pools[i - 1].same)
                        l->pools[i - 1].has_main_socket = true;
}

/* The pool whose unit that is, or NULL: it is no pool's, or of no file of the folders and down. */
static struct unitlist_pool *unitquery_take_pool(struct unitlist *l, const char *unit, const char *block) {
        char name[CONF_POOL_NAME_MAX + 1];
        struct unitlist_pool *p;

        if (!unitblock_take_pool(unit, name))
                return NULL;
        p = unitlist_find(l, name);
        return p || unitblock_has_line(block, "ActiveState=inactive") ? p : unitlist_add_stray(l, name);
}

/* NAME=VALUE lines of one unit, in systemd's order. */
static void unitquery_take_unit(struct unitlist *l, char *block) {
        bool is_service, is_main;
        struct unitlist_pool *p;
        char *line, *name, unit[256];

        if (!unitblock_id(block, unit))
                return;
        unitquery_take_main_socket(l, block);
        p = unitquery_take_pool(l, unit, block);
        is_service = text_has_suffix(unit, ".service");
        is_main = text_equal(unit, "fpmd.service");
        while ((p || is_main) && (line = strsep(&block, "\n"))) {
                name = strsep(&line, "=");
                if (line && is_main)
                        unitquery_take_main(l, name, line);
                else if (line)
                        (is_service ? unitquery_take_service : unitquery_take_socket)(p, name, line);
        }
}

static void unitquery_take_states(struct unitlist *l, char *text) {
        char *block;

        while ((block = unitblock_next(&text)))
                unitquery_take_unit(l, block);
}

/* 0, or a negative exit code after the error was told. */
static int unitquery_run(const char *const *words, struct text *out) {
        int r = systemctl_run(words, out);

        if (r < 0)
                return r;
        if (r == 0 && !out->failed)
                return 0;
        ctl_print_error("systemd does not say what its units do: the line above says why");
        return -CTL_EXIT_UNAVAILABLE;
}

static int unitquery_tell_no_memory(void) {
        ctl_print_error("out of memory");
        return -CTL_EXIT_FAILED;
}

static void unitquery_put_show(struct systemctl_words *w) {
        systemctl_put(w, "show");
        systemctl_put(w, "--all");
        systemctl_put(w, "--property=Id,ActiveState,MemoryCurrent,User,UID,Listen,Triggers,TriggeredBy,"
                         "FileDescriptorName");
        systemctl_put(w, "--");
}

static int unitquery_show(struct unitlist *l, const struct systemctl_words *words) {
        _cleanup_text_ struct text out = {};
        int r;

        if (words->failed)
                return unitquery_tell_no_memory();
        r = unitquery_run(words->items, &out);
        if (r == 0 && out.data)
                unitquery_take_states(l, out.data);
        return r;
}

/* Of fpmd.service's socket units, for a pool that may be its. They may be thousands, which take systemd long: those
 * that are called after the pool come first. */
static int unitquery_show_main_sockets(struct unitlist *l) {
        _cleanup_systemctl_words_ struct systemctl_words likely = {}, others = {};
        const struct unitlist_pool *p = unitlist_find(l, l->pool_name);
        char *names = l->main_sockets, *name;
        size_t n;
        int r;

        if (!p || !unitlist_is_off(p))
                return 0;
        unitquery_put_show(&likely);
        unitquery_put_show(&others);
        n = others.n;
        while ((name = strsep(&names, " ")))
                if (*name)
                        systemctl_put(strstr(name, l->pool_name) ? &likely : &others, name);
        r = likely.n > n ? unitquery_show(l, &likely) : 0;
        return r < 0 || others.n == n || p->has_main_socket ? r : unitquery_show(l, &others);
}

static int unitquery_show_one(struct unitlist *l) {
        char service[sizeof("fpmd@.service") + CONF_POOL_NAME_MAX], socket[sizeof("fpmd@.socket") + CONF_POOL_NAME_MAX];
        _cleanup_systemctl_words_ struct systemctl_words words = {};
        int r;

        snprintf(service, sizeof(service), "fpmd@%s.service", l->pool_name);
        snprintf(socket, sizeof(socket), "fpmd@%s.socket", l->pool_name);
        unitquery_put_show(&words);
        systemctl_put(&words, service);
        systemctl_put(&words, socket);
        systemctl_put(&words, "fpmd.service");
        r = unitquery_show(l, &words);
        return r < 0 ? r : unitquery_show_main_sockets(l);
}

/* "systemctl edit" of a socket unit, which may have given it another address. */
static bool unitquery_is_edited(const char *socket) {
        char path[sizeof("/etc/systemd/system/.d") + 256];

        snprintf(path, sizeof(path), "/etc/systemd/system/%.255s.d", socket);
        return access(path, F_OK) == 0 || access("/etc/systemd/system/fpmd@.socket.d", F_OK) == 0;
}

/* Takes a unit's state. True when more of it is to be known: what runs, what is of no file, whom systemd has for a pool
 * whose file names nobody, and where it listens for one whose file leaves that to it. */
static bool unitquery_take_state(struct unitlist *l, const char *unit, const char *state) {
        bool is_service = text_has_suffix(unit, ".service"), is_off = text_equal(state, "inactive");
        char name[CONF_POOL_NAME_MAX + 1];
        struct unitlist_pool *p;

        if (!unitblock_take_pool(unit, name))
                return true;
        p = unitlist_find(l, name);
        if (!p)
                return !is_off;
        (is_service ? unitquery_take_service : unitquery_take_socket)(p, "ActiveState", state);
        return is_service ? !is_off || !*p->user : text_equal(p->listen, "systemd") && unitquery_is_edited(unit);
}

/* A line: "fpmd@shop.socket loaded active listening ...". */
static int unitquery_show_all(struct unitlist *l) {
        static const char *const states[] = { "list-units", "--all", "--full",         "--plain",  "--no-legend",
                                              "--no-pager", "--",    "fpmd@*.service", "*.socket", NULL };
        _cleanup_systemctl_words_ struct systemctl_words words = {};
        _cleanup_text_ struct text out = {};
        char *rest, *line;
        int r;

        r = unitquery_run(states, &out);
        if (r < 0)
                return r;
        unitquery_put_show(&words);
        systemctl_put(&words, "fpmd.service");
        rest = out.data;
        while ((line = strsep(&rest, "\n"))) {
                char *save = NULL, *unit = strtok_r(line, " ", &save), *load = strtok_r(NULL, " ", &save),
                     *state = strtok_r(NULL, " ", &save);

                if (load && state && unitquery_take_state(l, unit, state))
                        systemctl_put(&words, unit);
        }
        return unitquery_show(l, &words);
}

int unitquery_ask(struct unitlist *l) {
        int r = l->pool_name ? unitquery_show_one(l) : unitquery_show_all(l);

        return r < 0 || unitlist_look_at_main(l) == 0 ? r : unitquery_tell_no_memory();
}
