/* SPDX-License-Identifier: MIT */
/*
 * See unixsocket.h. Names are looked up first, as that can take long. The file has its mode from birth; owner and ACL
 * are set through a descriptor of the file, found in its folder without following a link, and the file that this socket
 * was bound to, whatever else has been put there meanwhile; listen(2) comes last.
 */

#include "master/unixsocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "base/trusted.h"
#include "base/unixdiag.h"
#include "base/unixfile.h"
#include "conf/check.h"
#include "conf/rows.h"
#include "log/log.h"
#include "master/socketacl.h"

#define UNIXSOCKET_ACL_MODE 0660

/* The users and groups that may connect, by number. */
struct unixsocket_access {
        uid_t uid; /* -1, as the next one: left alone */
        gid_t gid;
        struct text acl; /* acl(5); empty: none */
        mode_t mode;
};

static void unixsocket_access_done(struct unixsocket_access *a) {
        text_done(&a->acl);
}
#define _cleanup_access_ _cleanup_(unixsocket_access_done)

/* The file that has the name, and is a socket; found through its folder, and never through a link under its name. */
static int unixsocket_find(const char *path, struct stat *ret) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name), fd = -1;

        if (folder < 0)
                return folder;
        fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, ret) < 0)
                return -errno;
        return S_ISSOCK(ret->st_mode) ? TAKE_FD(fd) : -ESTALE;
}

void unixsocket_remove(struct unixsocket *s) {
        _cleanup_free_ char *path = TAKE_PTR(s->path);
        const char *name;
        _cleanup_fd_ int folder = path ? trusted_open_folder(path, &name) : -1;
        struct stat st;

        if (folder >= 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == s->dev &&
            st.st_ino == s->ino)
                unlinkat(folder, name, 0);
}

void unixsocket_forget(struct unixsocket *s) {
        free(s->path);
        *s = (struct unixsocket){};
}

/* Tells of a name that nobody has in php-fpm's words, and names the place. */
static int unixsocket_tell_unknown(const struct conf_pool *pool, const struct socketacl_unknown *u,
                                   struct text *problems) {
        struct conf_where w = conf_check_where(pool, u->row);
        const char *id = text_equal(u->kind, "user") ? "uid" : "gid";

        text_printf(problems,
                    "[pool %s] cannot get %s for %s '%s': Success (0)\n"
                    "[%s:%u] directive '%s': there is no %s '%s'\n",
                    pool->name, id, u->kind, u->name, w.file, w.line, conf_pool_directives[u->row].name, u->kind,
                    u->name);
        return UNIXSOCKET_E_PROBLEM;
}

static int unixsocket_resolve_owner(const struct conf_pool *pool, struct unixsocket_access *ret,
                                    struct text *problems) {
        const char *user = pool->listen_owner, *group = pool->listen_group;
        struct socketacl_unknown no_user = { CONF_POOL_listen_owner, "user", user };
        struct socketacl_unknown no_group = { CONF_POOL_listen_group, "group", group };
        struct account owner;
        int r = 0;

        if (user && account_user(user, &owner) == 0) {
                ret->uid = owner.uid;
                ret->gid = owner.by_number ? (gid_t)-1 : owner.gid; /* as php-fpm has it */
        } else if (user)
                r = unixsocket_tell_unknown(pool, &no_user, problems);
        if (group && account_group(group, &ret->gid) < 0)
                r = unixsocket_tell_unknown(pool, &no_group, problems);
        return r;
}

static int unixsocket_resolve(const struct conf_pool *pool, struct unixsocket_access *ret, struct text *problems) {
        *ret = (struct unixsocket_access){ .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = (mode_t)pool->listen_mode };
        if (!socketacl_is_wanted(pool))
                return unixsocket_resolve_owner(pool, ret, problems);
        ret->mode = UNIXSOCKET_ACL_MODE;
        return socketacl_resolve(pool, unixsocket_tell_unknown, &ret->acl, problems);
}

int unixsocket_check_names(const struct conf_pool *pool, struct text *problems) {
        _cleanup_access_ struct unixsocket_access access = {};

        return strchr(pool->listen, '/') ? unixsocket_resolve(pool, &access, problems) : 0;
}

static void unixsocket_log_ignored(const struct conf_pool *pool, const char *directive, const char *value) {
        if (value)
                log_warning("[pool %s] ACL set, %s = '%s' is ignored", pool->name, directive, value);
}

static int unixsocket_tell(const struct conf_pool *pool, const char *what, int error, struct text *problems) {
        const char *directive = socketacl_is_wanted(pool) ? "listen.acl_users' and 'listen.acl_groups" : "listen.owner";

        text_printf(problems,
                    "[pool %s] failed to %s the socket '%s': %s (%d)\n"
                    "[%s:%u] directive '%s': cannot %s '%s'\n",
                    pool->name, what, pool->listen, strerror(-error), -error, pool->listen_where.file,
                    pool->listen_where.line, directive, what, pool->listen);
        return UNIXSOCKET_E_PROBLEM;
}

/* The file that the socket was bound to, and which one it is: a descriptor of it, or -errno. Where the kernel does not
 * tell, it is one that this user has made. */
static int unixsocket_locate(int socket, struct unixsocket *s) {
        struct stat st;
        _cleanup_fd_ int fd = unixsocket_find(s->path, &st);

        if (fd < 0)
                return fd;
        if (!unixdiag_is_surely_file(socket, fd) && (st.st_uid != geteuid() || !unixdiag_is_file(socket, fd)))
                return -ESTALE;
        s->dev = st.st_dev;
        s->ino = st.st_ino;
        return TAKE_FD(fd);
}

/* Owner and ACL of the file. */
static int unixsocket_grant(const struct conf_pool *pool, const struct unixsocket_access *access, int file,
                            struct text *problems) {
        int r;

        if (access->acl.n > 0) {
                unixsocket_log_ignored(pool, "listen.owner", pool->listen_owner);
                unixsocket_log_ignored(pool, "listen.group", pool->listen_group);
                r = socketacl_set(file, text_peek(&access->acl));
                return r < 0 ? unixsocket_tell(pool, "write the ACL of", r, problems) : 0;
        }
        if ((access->uid != (uid_t)-1 || access->gid != (gid_t)-1) &&
            fchownat(file, "", access->uid, access->gid, AT_EMPTY_PATH) < 0)
                return unixsocket_tell(pool, "chown()", -errno, problems);
        return 0;
}

int unixsocket_open(const struct conf_pool *pool, const struct addr *a, int backlog, struct unixsocket *ret,
                    int *ret_fd, struct text *problems) {
        _cleanup_access_ struct unixsocket_access access = {};
        _cleanup_(unixsocket_remove) struct unixsocket s = {};
        _cleanup_fd_ int fd = -1, file = -1;
        int r;

        r = unixsocket_resolve(pool, &access, problems);
        if (r != 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = unixfile_clear(&a->un, SOCK_STREAM);
        if (r == 0)
                r = unixfile_bind(fd, &a->un, access.mode);
        if (r < 0)
                return r;
        s.path = strdup(a->un.sun_path);
        if (!s.path)
                return -ENOMEM;
        file = unixsocket_locate(fd, &s);
        r = file < 0 ? file : unixsocket_grant(pool, &access, file, problems);
        if (r == 0 && listen(fd, backlog) < 0)
                r = -errno;
        if (r != 0)
                return r;
        *ret = (struct unixsocket){ TAKE_PTR(s.path), s.dev, s.ino };
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int unixsocket_adopt(const char *path, struct unixsocket *ret) {
        struct stat st;
        _cleanup_fd_ int fd = unixsocket_find(path, &st);

        if (fd < 0 || st.st_uid != geteuid())
                return 0;
        *ret = (struct unixsocket){ strdup(path), st.st_dev, st.st_ino };
        return ret->path ? 0 : -ENOMEM;
}

/* A file that is there already gets the mode, and no ACL but the one that it is to have. */
static int unixsocket_set_mode(int file, mode_t mode) {
        char path[sizeof("/proc/self/fd/") + 10];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        if (removexattr(path, "system.posix_acl_access") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
                return -errno;
        return chmod(path, mode) < 0 ? -errno : 0;
}

int unixsocket_return(const struct conf_pool *pool, int fd, const char *path, struct unixsocket *ret,
                      struct text *problems) {
        _cleanup_access_ struct unixsocket_access access = {};
        _cleanup_(unixsocket_forget) struct unixsocket s = { .path = strdup(path) };
        _cleanup_fd_ int file = -1;
        int r;

        if (!s.path)
                return -ENOMEM;
        r = unixsocket_resolve(pool, &access, problems);
        if (r != 0)
                return r;
        file = unixsocket_locate(fd, &s);
        if (file < 0)
                return UNIXSOCKET_E_LOST;
        r = unixsocket_set_mode(file, access.mode);
        if (r < 0)
                return unixsocket_tell(pool, "chmod()", r, problems);
        r = unixsocket_grant(pool, &access, file, problems);
        if (r == 0)
                *ret = (struct unixsocket){ TAKE_PTR(s.path), s.dev, s.ino };
        return r;
}

void unixsocket_remove_bound(int fd, const char *path) {
        struct unixsocket s = { .path = strdup(path) };
        _cleanup_fd_ int file = s.path ? unixsocket_locate(fd, &s) : -1;

        if (file >= 0)
                unixsocket_remove(&s);
        unixsocket_forget(&s);
}
