/* SPDX-License-Identifier: MIT */
/*
 * What the unit is made of is the generator's drop-in, a small file, as systemd takes milliseconds to say all of one
 * unit, and there may be thousands: it is asked about those that nobody seems to have a socket for. Whose a socket is
 * that listens there says process 1 itself; who may not look takes any.
 */

#include "deaf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "ctl.h"
#include "doctor/address.h"
#include "doctor/listeners.h"
#include "systemctl.h"
#include "unitblock.h"

#define DEAF_DROPIN   "/run/systemd/generator/%s.d/50-pool.conf"
#define DEAF_LISTEN   "ListenStream="
#define DEAF_FILE_MAX ((size_t)1 << 20)
#define DEAF_FILES    "/proc/1/fd"

/* What listens, of all processes or of systemd alone. */
struct deaf_listeners {
        struct doctor_facts facts; /* has their texts */
        struct doctor_listeners all;
        struct names paths; /* of the sockets that have one */
};

static void deaf_listeners_done(struct deaf_listeners *l) {
        names_done(&l->paths);
        doctor_listeners_done(&l->all);
        doctor_facts_done(&l->facts);
}

static int deaf_compare(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Inodes of systemd's sockets, sorted. False: nobody may look. */
static bool deaf_read_systemd(uint64_t **ret, size_t *ret_n) {
        _cleanup_dir_ DIR *dir = opendir(DEAF_FILES);
        const struct dirent *entry;
        char target[64];
        ssize_t n;

        while (dir && (entry = readdir(dir))) {
                uint64_t inode, *items;

                n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
                target[MAX(n, (ssize_t)0)] = '\0';
                if (n <= 0 || sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
                        continue;
                items = reallocarray(*ret, *ret_n + 1, sizeof(*items));
                if (!items)
                        return false;
                *ret = items;
                items[(*ret_n)++] = inode;
        }
        if (*ret_n > 0)
                qsort(*ret, *ret_n, sizeof(**ret), deaf_compare);
        return *ret_n > 0;
}

/* False: it is not known who listens. */
static bool deaf_read_listeners(struct deaf_listeners *ret) {
        _cleanup_free_ uint64_t *inodes = NULL;
        size_t n_inodes = 0, n = 0;
        bool known;

        doctor_facts_init(&ret->facts);
        doctor_listeners_read(&ret->facts, &ret->all);
        known = deaf_read_systemd(&inodes, &n_inodes);
        for (size_t i = 0; i < ret->all.n; i++) {
                struct doctor_listener one = ret->all.items[i];

                if (known && !bsearch(&one.inode, inodes, n_inodes, sizeof(*inodes), deaf_compare))
                        continue;
                ret->all.items[n++] = one;
                if (*one.path && names_put(&ret->paths, doctor_address_skip_var(one.path), n - 1) < 0)
                        return false;
        }
        ret->all.n = n;
        return ret->all.known == DOCTOR_YES && !ret->facts.failed;
}

static bool deaf_is_open(const struct deaf_listeners *l, const char *address) {
        size_t place;

        struct addr tcp;

        if (address[0] == '/')
                return names_find(&l->paths, doctor_address_skip_var(address), &place);
        return !doctor_address_take_tcp(address, &tcp) || doctor_listeners_find(&l->all, address);
}

/* Of a drop-in, or of "systemctl show": lines NAME and an address. True: one of them has no socket, into ret. */
static bool deaf_find(const struct deaf_listeners *l, const char *lines, const char *name,
                      char ret[static CONF_PATH_BYTES + 1]) {
        while (unitblock_next_word(&lines, name, ret))
                if (*ret && !deaf_is_open(l, ret))
                        return true;
        return false;
}

static bool deaf_is_suspect(const struct deaf_listeners *l, const char *unit) {
        char path[sizeof(DEAF_DROPIN) + 256], address[CONF_PATH_BYTES + 1];
        _cleanup_free_ char *data = NULL;

        snprintf(path, sizeof(path), DEAF_DROPIN, unit);
        return fd_read_file(path, DEAF_FILE_MAX, &data, NULL) >= 0 && deaf_find(l, data, DEAF_LISTEN, address);
}

static int deaf_restart(const char *unit) {
        const char *const words[] = { "restart", "--", unit, NULL };
        int r = systemctl_run(words, NULL);

        return r < 0 ? -r : r > 0 ? CTL_EXIT_FAILED : CTL_EXIT_OK;
}

static bool deaf_word(const char *block, const char *name, char ret[static CONF_PATH_BYTES + 1]) {
        return unitblock_next_word(&block, name, ret) && *ret;
}

/* The socket's file is as the unit says. The rest of what "systemctl show" says of it. */
static bool deaf_has_rights(const char *block, char path[static CONF_PATH_BYTES + 1]) {
        char word[CONF_PATH_BYTES + 1];
        struct account user;
        struct stat st;
        unsigned mode;
        gid_t group;

        if (!deaf_word(block, "Listen=", path) || path[0] != '/' || stat(path, &st) < 0)
                return true;
        if (deaf_word(block, "SocketMode=", word) && sscanf(word, "%o", &mode) == 1 && mode != (st.st_mode & 07777U))
                return false;
        if (deaf_word(block, "SocketUser=", word) && account_user(word, &user) == 0 && user.uid != st.st_uid)
                return false;
        return !deaf_word(block, "SocketGroup=", word) || account_group(word, &group) < 0 || group == st.st_gid;
}

/* block: of one unit; is_own: it is the one that was asked for. */
static int deaf_look_at(const struct deaf_listeners *l, const char *block, bool is_own) {
        char address[CONF_PATH_BYTES + 1], unit[256];

        if (!unitblock_id(block, unit) || !unitblock_has_line(block, "ActiveState=active"))
                return CTL_EXIT_OK;
        if (deaf_find(l, block, "Listen=", address)) {
                if (!is_own && unitblock_has_line(block, "SubState=running")) {
                        ctl_print_error(
                                "%s has no socket at %s: its listen has changed, and its service goes on with the "
                                "old one until it ends; systemctl restart %s makes the new one",
                                unit, address, unit);
                        return CTL_EXIT_OK;
                }
                printf("%s was up and did not listen on %s, since that has changed: it is restarted\n", unit, address);
                return deaf_restart(unit);
        }
        if (!is_own || deaf_has_rights(block, address))
                return CTL_EXIT_OK;
        printf("%s had other rights for %s, which have changed since: it is restarted\n", unit, address);
        return deaf_restart(unit);
}

static void deaf_choose(const struct deaf_listeners *l, char *list, const char *own, struct systemctl_words *ret) {
        char *line;

        systemctl_put(ret, "show");
        systemctl_put(ret, "--property=Id,ActiveState,SubState,Listen,SocketMode,SocketUser,SocketGroup");
        systemctl_put(ret, "--");
        if (own)
                systemctl_put(ret, own);
        while ((line = strsep(&list, "\n"))) {
                line[strcspn(line, " ")] = '\0';
                if (*line && !text_equal(line, own) && deaf_is_suspect(l, line))
                        systemctl_put(ret, line);
        }
}

int deaf_mend(const char *unit) {
        static const char *const units[] = { "list-units", "--state=active", "--full",
                                             "--plain",    "--no-legend",    "--no-pager",
                                             "--",         "fpmd@*.socket",  NULL };
        _cleanup_(deaf_listeners_done) struct deaf_listeners l = {};
        _cleanup_systemctl_words_ struct systemctl_words words = {};
        _cleanup_text_ struct text list = {}, out = {};
        char *rest, *block, id[256];
        int r = CTL_EXIT_OK;

        if (!deaf_read_listeners(&l) || systemctl_run(units, &list) != 0)
                return CTL_EXIT_OK; /* nobody can say, and systemd has done what it was asked for */
        deaf_choose(&l, list.data, unit, &words);
        if (words.failed || text_equal(words.items[words.n - 1], "--") || systemctl_run(words.items, &out) != 0)
                return CTL_EXIT_OK;
        rest = out.data;
        while ((block = unitblock_next(&rest)))
                r = MAX(r, deaf_look_at(&l, block, unitblock_id(block, id) && text_equal(id, unit)));
        return r;
}
