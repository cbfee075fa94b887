/* SPDX-License-Identifier: MIT */
/*
 * Checks that only this machine can make of a configuration: whether names exist and folders are there. Nothing is
 * made, opened or changed to find out, so the answer is as good as stat(2) can give it.
 */

#include "conf/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "base/text.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/rows.h"
#include "conf/values.h"
#include "log/file.h"

/* php-fpm tells errno of the owners of sockets, and there is none. */
#define NO_ERRNO ": Success (0)"

/* Lists are of names alone, as in php-fpm. */
static bool machine_has_user(enum conf_pool_row row, const char *name) {
        struct account user;

        return row == CONF_POOL_listen_acl_users ? account_named_user(name, &user.uid) == 0
                                                 : account_user(name, &user) == 0;
}

static bool machine_has_group(enum conf_pool_row row, const char *name) {
        gid_t gid;

        return row == CONF_POOL_listen_acl_groups ? account_named_group(name, &gid) == 0
                                                  : account_group(name, &gid) == 0;
}

static void machine_check_user(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                               const char *name) {
        if (!name || machine_has_user(row, name))
                return;
        conf_check_error(k, pool, "cannot get uid for user '%s'%s", name, row == CONF_POOL_user ? "" : NO_ERRNO);
        conf_check_problem(k, pool, row, "there is no user '%s'", name);
}

static void machine_check_group(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                                const char *name) {
        if (!name || machine_has_group(row, name))
                return;
        conf_check_error(k, pool, "cannot get gid for group '%s'%s", name, row == CONF_POOL_group ? "" : NO_ERRNO);
        conf_check_problem(k, pool, row, "there is no group '%s'", name);
}

/* Each name of a row's list with commas. */
static void machine_check_list(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                               void (*check)(const struct conf_check *k, const struct conf_pool *pool,
                                             enum conf_pool_row row, const char *name)) {
        const char *list = conf_value_text(&conf_pool_directives[row], pool), *word;
        size_t n;

        while (list && (word = text_word(&list, ", \t", &n))) {
                char name[CONF_NAME_BYTES + 1];

                text_copy(name, sizeof(name), word, n);
                if (n >= sizeof(name))
                        conf_check_problem(k, pool, row, "'%.*s' is too long for a name", (int)n, word);
                else
                        check(k, pool, row, name);
        }
}

/* The group that it has without `group`: of a number that nobody has, that of who starts it. */
static const char *machine_own_group_problem(const struct conf_pool *pool) {
        struct account user;

        if (!pool->user || pool->group || account_user(pool->user, &user) < 0)
                return NULL;
        return user.gid == (gid_t)-1 ? "nobody has this number, so it takes a group"
               : user.gid == 0       ? "its group is root's"
                                     : NULL;
}

static void machine_check_not_root(const struct conf_check *k, const struct conf_pool *pool) {
        bool user = pool->user && account_is_root_user(pool->user),
             group = pool->group && account_is_root_group(pool->group);
        const char *own_group = user ? NULL : machine_own_group_problem(pool);

        if (user || group || own_group)
                conf_check_error(k, pool, "please specify user and group other than root");
        if (user)
                conf_check_problem(k, pool, CONF_POOL_user, "'%s' is root", pool->user);
        if (group)
                conf_check_problem(k, pool, CONF_POOL_group, "'%s' is root", pool->group);
        if (own_group)
                conf_check_problem(k, pool, CONF_POOL_user, "'%s': %s", pool->user, own_group);
}

/* As php-fpm has it: at the start a name must exist where it acts, in a test anywhere. listen.owner and its kin are
 * looked up by who binds the socket. */
void conf_machine_check_names(const struct conf_check *k, const struct conf_pool *pool) {
        bool testing = k->options->testing, root = k->options->running_as_root;

        if (k->options->text_only)
                return;
        if ((testing && !k->options->keeps_user) || root) {
                machine_check_user(k, pool, CONF_POOL_user, pool->user);
                machine_check_group(k, pool, CONF_POOL_group, pool->group);
        }
        if (testing) {
                machine_check_user(k, pool, CONF_POOL_listen_owner, pool->listen_owner);
                machine_check_group(k, pool, CONF_POOL_listen_group, pool->listen_group);
        }
        if (testing && pool->listen && strchr(pool->listen, '/')) {
                machine_check_list(k, pool, CONF_POOL_listen_acl_users, machine_check_user);
                machine_check_list(k, pool, CONF_POOL_listen_acl_groups, machine_check_group);
        }
        if (root && !k->options->allow_root)
                machine_check_not_root(k, pool);
}

/* What the kernel calls all users of another user namespace: overflowuid of proc(5). */
#define MACHINE_NO_USER 65534

/* One user of listen.peer_users, to the numbers. */
static void machine_find_peer(const struct conf_check *k, const struct conf_pool *pool, const char *name,
                              struct text *uids) {
        struct account user;

        if (account_user(name, &user) < 0)
                conf_check_problem(k, pool, CONF_POOL_listen_peer_users, "there is no user '%s'", name);
        else if (user.uid == MACHINE_NO_USER)
                conf_check_problem(k, pool, CONF_POOL_listen_peer_users,
                                   "'%s' cannot be told from any user of another user namespace", name);
        else
                text_printf(uids, "%s%u", uids->n > 0 ? " " : "", user.uid);
}

void conf_machine_find_peers(const struct conf_check *k, struct conf_pool *pool) {
        const char *list = pool->listen_peer_users, *word;
        _cleanup_text_ struct text uids = {};
        size_t n;

        if (!list || k->options->text_only)
                return;
        while ((word = text_word(&list, ", \t", &n))) {
                char name[CONF_NAME_BYTES + 1];

                text_copy(name, sizeof(name), word, n);
                if (n >= sizeof(name))
                        conf_check_problem(k, pool, CONF_POOL_listen_peer_users, "'%.*s' is too long for a name",
                                           (int)n, word);
                else
                        machine_find_peer(k, pool, name, &uids);
        }
        free(pool->peer_uids);
        pool->peer_uids = NULL;
        k->problems->failed |= text_finish(&uids, &pool->peer_uids, NULL) < 0;
}

/* Zero, or an errno that tells why there is nothing of that name. */
static int machine_path_error(const char *path) {
        struct stat st;

        return stat(path, &st) < 0 ? errno : 0;
}

/* Zero, or an errno that tells why there is no such folder. */
static int machine_folder_error(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return errno;
        return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

static void machine_check_folder(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                                 const char *what) {
        const char *path = conf_value_text(&conf_pool_directives[row], pool);
        int error = path ? machine_folder_error(path) : 0;

        if (error == 0)
                return;
        conf_check_error(k, pool, "the %s '%s' does not exist or is not a directory", what, path);
        conf_check_problem(k, pool, row, "'%s': %s", path, strerror(error));
}

static void machine_check_chdir(const struct conf_check *k, const struct conf_pool *pool) {
        _cleanup_text_ struct text full = {};
        int error;

        if (!pool->chroot || !pool->chdir) {
                machine_check_folder(k, pool, CONF_POOL_chdir, "chdir path");
                return;
        }
        text_printf(&full, "%s%s", pool->chroot, pool->chdir);
        error = full.failed ? 0 : machine_folder_error(text_peek(&full));
        k->problems->failed |= full.failed;
        if (error == 0)
                return;
        conf_check_error(
                k, pool,
                "the chdir path '%s' within the chroot path '%s' ('%s/%s') does not exist or is not a directory",
                pool->chdir, pool->chroot, pool->chroot, pool->chdir);
        conf_check_problem(k, pool, CONF_POOL_chdir, "'%s': %s", text_peek(&full), strerror(error));
}

/* The paths of an array, as a worker sees them. */
static void machine_check_paths(const struct conf_check *k, const struct conf_pool *pool, enum conf_array_kind kind,
                                int (*error_of)(const char *path)) {
        const struct conf_pairs *paths = conf_pool_pairs_const(pool, kind);

        for (size_t i = 0; i < paths->n; i++) {
                const struct conf_pair *dir = &paths->items[i];
                _cleanup_text_ struct text full = {};
                int error;

                text_printf(&full, "%s%s", pool->chroot ?: "", dir->value);
                error = full.failed ? 0 : error_of(text_peek(&full));
                k->problems->failed |= full.failed;
                if (error > 0)
                        text_printf(k->problems, "[%s:%u] directive '%s': '%s': %s\n", dir->where.file, dir->where.line,
                                    conf_pool_arrays[kind].name, text_peek(&full), strerror(error));
        }
}

/* Zero, or an errno that tells why the path cannot be used so. A test asks on behalf of whoever starts the program, but
 * under php-fpm's name, as there, of who tests. */
static int machine_may_error(const struct conf_check *k, const char *path, int how) {
        bool asks = k->options->opens_logs || (k->options->testing && k->options->php_fpm);

        return asks && faccessat(AT_FDCWD, path, how, AT_EACCESS) < 0 ? errno : 0;
}

/* Zero, or an errno that tells why the log could not be opened, as far as that can be said without making it. */
static int machine_log_error(const struct conf_check *k, const char *path) {
        _cleanup_free_ char *folder = NULL;
        struct stat st;
        int r;

        if (!path || path[0] != '/')
                return 0;
        r = log_file_descriptor(path);
        if (r != -ENOENT)
                return r < 0 ? -r : 0;
        if (stat(path, &st) == 0)
                return S_ISDIR(st.st_mode) ? EISDIR : machine_may_error(k, path, W_OK);
        if (errno != ENOENT)
                return errno;
        folder = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
        if (!folder) {
                k->problems->failed = true;
                return 0;
        }
        r = machine_folder_error(folder);
        return r == 0 ? machine_may_error(k, folder, W_OK | X_OK) : r;
}

static void machine_check_logs(const struct conf_check *k, const struct conf_pool *pool) {
        int error = machine_log_error(k, pool->access_log);

        if (error > 0) {
                text_printf(k->problems, "failed to open access log (%s): %s (%d)\n", pool->access_log, strerror(error),
                            error);
                conf_check_problem(k, pool, CONF_POOL_access_log, "it cannot be opened");
        }
        error = pool->request_slowlog_timeout > 0 ? machine_log_error(k, pool->slowlog) : 0;
        if (error > 0) {
                text_printf(k->problems, "Unable to create or open slowlog(%s): %s (%d)\n", pool->slowlog,
                            strerror(error), error);
                conf_check_problem(k, pool, CONF_POOL_slowlog, "it cannot be opened");
        }
}

void conf_machine_check_global(const struct conf_check *k) {
        const char *path = k->conf->global.error_log;
        int error = k->options->text_only ? 0 : machine_log_error(k, path);

        if (error == 0)
                return;
        text_printf(k->problems, "failed to open error_log (%s): %s (%d)\n", path, strerror(error), error);
        conf_check_global_problem(k, CONF_GLOBAL_error_log, "it cannot be opened");
}

void conf_machine_check_user(const struct conf_check *k, const struct conf_pool *pool) {
        if (!k->options->text_only)
                machine_check_folder(k, pool, CONF_POOL_prefix, "prefix");
        if (!k->options->running_as_root || k->options->allow_root || pool->user)
                return;
        conf_check_alert(k, pool, "user has not been defined");
        conf_check_problem(k, pool, CONF_POOL_user, "pool '%s' has none: please specify user and group other than root",
                           pool->name);
}

/* A pool serves without it, and it may come later: a remark. */
static void machine_check_page(const struct conf_check *k, const struct conf_pool *pool) {
        const struct conf_where *where = &pool->given[CONF_POOL_queue_body];
        const char *why;
        struct stat st;

        if (!pool->queue_body)
                return;
        if (stat(pool->queue_body, &st) == 0)
                why = S_ISREG(st.st_mode) ? NULL : "it is no regular file";
        else
                why = errno != EACCES ? strerror(errno) : NULL; /* to this user */
        if (!why)
                return;
        k->problems->failed |= conf_add_notice(k->conf, "WARNING: [%s:%u] directive 'queue.body': '%s': %s",
                                               where->file ?: "", where->line, pool->queue_body, why) < 0;
}

void conf_machine_check_pool(const struct conf_check *k, const struct conf_pool *pool) {
        if (k->options->text_only)
                return;
        machine_check_logs(k, pool);
        machine_check_folder(k, pool, CONF_POOL_chroot, "chroot path");
        machine_check_chdir(k, pool);
        machine_check_paths(k, pool, CONF_ARRAY_EXEC_BASEDIR, machine_folder_error);
        machine_check_paths(k, pool, CONF_ARRAY_READ_PATH, machine_path_error);
        machine_check_paths(k, pool, CONF_ARRAY_WRITE_PATH, machine_path_error);
        machine_check_page(k, pool);
}
