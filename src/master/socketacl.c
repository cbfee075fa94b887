/* SPDX-License-Identifier: MIT */
/*
 * The list is written as acl(5)'s text, with numbers for names, and libacl makes the socket's ACL of it. As with
 * php-fpm the owner may connect too, the owning group only when it is named.
 */

#include "master/socketacl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/acl.h>

#include "base/account.h"

#define SOCKETACL_NAME_MAX 256

bool socketacl_is_wanted(const struct conf_pool *pool) {
        return pool->listen_acl_users || pool->listen_acl_groups;
}

static const struct socketacl_kind {
        enum conf_pool_row row;
        const char *name;
        int (*resolve)(const char *name, id_t *ret);
} socketacl_kinds[] = {
        { CONF_POOL_listen_acl_users, "user", account_named_user },
        { CONF_POOL_listen_acl_groups, "group", account_named_group },
};

struct socketacl_lines {
        const struct conf_pool *pool;
        socketacl_tell_t tell;
        struct text *acl;
        struct text *problems;
};

/* One line of the ACL for each name of a list with commas. */
static int socketacl_list(const struct socketacl_lines *l, const struct socketacl_kind *kind, const char *list) {
        const char *word;
        int result = 0;
        size_t n;

        while (list && (word = text_word(&list, ", \t", &n))) {
                char name[SOCKETACL_NAME_MAX];
                id_t id;

                text_copy(name, sizeof(name), word, n);
                if (n >= sizeof(name) || kind->resolve(name, &id) < 0)
                        result = l->tell(l->pool, &(struct socketacl_unknown){ kind->row, kind->name, name },
                                         l->problems);
                else
                        text_printf(l->acl, "%s:%u:rw-\n", kind->name, id);
        }
        return result;
}

int socketacl_resolve(const struct conf_pool *pool, socketacl_tell_t tell, struct text *acl, struct text *problems) {
        const char *const lists[] = { pool->listen_acl_users, pool->listen_acl_groups };
        const struct socketacl_lines lines = { pool, tell, acl, problems };
        int result = 0;

        text_append(acl, "user::rw-\ngroup::---\nother::---\n");
        for (size_t i = 0; i < ELEMENTSOF(socketacl_kinds); i++) {
                int r = socketacl_list(&lines, &socketacl_kinds[i], lists[i]);

                result = r != 0 ? r : result;
        }
        return acl->failed ? -ENOMEM : result;
}

/* libacl knows paths, and descriptors that are open for real; the path of an O_PATH one leads to its file, whatever has
 * that file's name. */
int socketacl_set(int fd, const char *text) {
        char path[sizeof("/proc/self/fd/") + 10];
        acl_t acl = acl_from_text(text);
        int r = 0;

        if (!acl)
                return -errno;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (acl_calc_mask(&acl) < 0 || acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
                r = -errno;
        acl_free(acl);
        return r;
}
