/* SPDX-License-Identifier: MIT */
/*
 * The list is written as acl(5)'s text, with numbers for names, and libacl makes the socket's ACL of it. As with php-fpm the owner may connect too, the
 * owning group only when it is named.
 */

#include "master/socketacl.h"

#include <errno.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>

#include "master/account.h"

#define SOCKETACL_NAME_MAX 256

bool socketacl_is_wanted(const struct conf_pool *pool) {
        return pool->listen_acl_users || pool->listen_acl_groups;
}

static int socketacl_user(const char *name, id_t *ret) {
        gid_t group;

        return account_user(name, ret, &group);
}

/* One line of the ACL for each name of a list with commas; kind is "user" or "group". */
static int socketacl_list(const struct conf_pool *pool, enum conf_pool_row row, const char *list, const char *kind,
                          int (*resolve)(const char *, id_t *), struct text *acl, struct text *problems) {
        const struct conf_where *w = &pool->given[row];
        int result = 0;

        for (const char *p = list ? list : ""; *(p += strspn(p, ", \t"));) {
                size_t n = strcspn(p, ", \t");
                char name[SOCKETACL_NAME_MAX];
                id_t id;

                text_copy(name, sizeof(name), p, n);
                if (n >= sizeof(name) || resolve(name, &id) < 0) {
                        text_printf(problems, "[%s:%u] directive '%s': there is no %s '%s'\n", w->file, w->line,
                                    conf_pool_directives[row].name, kind, name);
                        result = SOCKETACL_E_PROBLEM;
                } else
                        text_printf(acl, "%s:%u:rw-\n", kind, id);
                p += n;
        }
        return result;
}

static int socketacl_set(const char *path, const char *text) {
        acl_t acl = acl_from_text(text);
        int r = 0;

        if (!acl)
                return -errno;
        if (chmod(path, 0660) < 0 || acl_calc_mask(&acl) < 0 || acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0)
                r = -errno;
        acl_free(acl);
        return r;
}

int socketacl_apply(const struct conf_pool *pool, const char *path, struct text *problems) {
        _cleanup_text_ struct text acl = {};
        int r, q;

        text_append(&acl, "user::rw-\ngroup::---\nother::---\n");
        r = socketacl_list(pool, CONF_POOL_listen_acl_users, pool->listen_acl_users, "user", socketacl_user, &acl,
                           problems);
        q = socketacl_list(pool, CONF_POOL_listen_acl_groups, pool->listen_acl_groups, "group", account_group, &acl,
                           problems);
        if (acl.failed)
                return -ENOMEM;
        if (r != 0 || q != 0)
                return SOCKETACL_E_PROBLEM;
        r = socketacl_set(path, text_peek(&acl));
        if (r == 0)
                return 0;
        text_printf(problems,
                    "[%s:%u] directives 'listen.acl_users' and 'listen.acl_groups': cannot set the ACL of '%s': %s\n",
                    pool->listen_where.file, pool->listen_where.line, path, strerror(-r));
        return SOCKETACL_E_PROBLEM;
}
