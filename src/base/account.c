/* SPDX-License-Identifier: MIT */
/* Digits are a number, as php-fpm has it: a user with the name 1000 is not found by that name. */

#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/names.h"
#include "base/number.h"

/* Who has been found, while that is remembered: of a group the gid alone. */
struct account_known {
        char *name;
        struct account account;
};

struct account_memory {
        struct names by_name;
        struct account_known *known;
        size_t n, n_room;
};

static struct {
        bool on;
        struct account_memory users, groups;
} account_found;

static void account_memory_done(struct account_memory *m) {
        names_done(&m->by_name);
        for (size_t i = 0; i < m->n; i++)
                free(m->known[i].name);
        free(m->known);
        *m = (struct account_memory){};
}

void account_remember(void) {
        account_found.on = true;
}

void account_forget(void) {
        account_found.on = false;
        account_memory_done(&account_found.users);
        account_memory_done(&account_found.groups);
}

static bool account_recall(const struct account_memory *m, const char *name, struct account *ret) {
        size_t i;

        if (!names_find(&m->by_name, name, &i))
                return false;
        *ret = m->known[i].account;
        return true;
}

/* Where there is no memory for it, it is looked for again. */
static void account_note(struct account_memory *m, const char *name, const struct account *found) {
        struct account_known *k;

        if (!account_found.on)
                return;
        if (m->n == m->n_room) {
                k = reallocarray(m->known, m->n_room * 2 + 16, sizeof(*k));
                if (!k)
                        return;
                m->known = k;
                m->n_room = m->n_room * 2 + 16;
        }
        k = &m->known[m->n];
        *k = (struct account_known){ .name = strdup(name), .account = *found };
        if (k->name && names_put(&m->by_name, k->name, m->n) == 0)
                m->n++;
        else
                free(k->name);
}

/* True: it is an id. The last number, -1, is none. */
static bool account_number(const char *name, id_t *ret) {
        uint64_t number;

        if (number_parse_u64(name, UINT32_MAX - 1, &number) < 0)
                return false;
        *ret = (id_t)number;
        return true;
}

int account_named_user(const char *name, uid_t *ret) {
        const struct passwd *pw;

        errno = 0;
        pw = getpwnam(name);
        if (!pw)
                return errno ? -errno : -ENOENT;
        *ret = pw->pw_uid;
        return 0;
}

int account_named_group(const char *name, gid_t *ret) {
        const struct group *gr;

        errno = 0;
        gr = getgrnam(name);
        if (!gr)
                return errno ? -errno : -ENOENT;
        *ret = gr->gr_gid;
        return 0;
}

int account_user(const char *name, struct account *ret) {
        const struct passwd *pw;

        if (account_recall(&account_found.users, name, ret))
                return 0;
        *ret = (struct account){ .gid = (gid_t)-1 };
        ret->by_number = account_number(name, &ret->uid);
        errno = 0;
        pw = ret->by_number ? getpwuid(ret->uid) : getpwnam(name);
        if (!pw && !ret->by_number)
                return errno ? -errno : -ENOENT;
        if (pw) {
                ret->uid = pw->pw_uid;
                ret->gid = pw->pw_gid;
                snprintf(ret->name, sizeof(ret->name), "%s", pw->pw_name);
        }
        account_note(&account_found.users, name, ret);
        return 0;
}

int account_group(const char *name, gid_t *ret) {
        struct account group = {};
        int r;

        if (account_number(name, ret))
                return 0;
        if (!account_recall(&account_found.groups, name, &group)) {
                r = account_named_group(name, &group.gid);
                if (r < 0)
                        return r;
                account_note(&account_found.groups, name, &group);
        }
        *ret = group.gid;
        return 0;
}

bool account_is_root_user(const char *name) {
        struct account user;

        return account_user(name, &user) == 0 && user.uid == 0;
}

bool account_is_root_group(const char *name) {
        gid_t gid;

        return account_group(name, &gid) == 0 && gid == 0;
}
