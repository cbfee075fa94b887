/* SPDX-License-Identifier: MIT */
/*
 * Whether a user may connect to a socket, or read a folder: asked of the kernel, which knows of ACLs and modules, by a
 * child that has become the user. Who is not root can ask for itself alone; for others the rights of files are read.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/collect.h"

#define REACH_GROUPS 256
#define REACH_ABSENT 254 /* exit statuses of the child: 0 is yes, 1 and up the part of the path that is closed */
#define REACH_FAILED 255

struct reach_question {
        const struct passwd *user;
        const char *path;
        int wanted; /* of access(2) */
};

/* The path up to its n-th slash behind the first, or all of it where there are fewer. False: that is all. */
static bool reach_part(const char *path, unsigned n, char ret[static PATH_MAX]) {
        const char *end = path;

        for (unsigned i = 0; end && i <= n; i++)
                end = strchr(end + 1, '/');
        snprintf(ret, PATH_MAX, "%.*s", end ? (int)(end - path) : PATH_MAX - 1, path);
        return end != NULL;
}

/* Of one file, by its mode: what access(2) would say of the user. */
static enum doctor_answer reach_by_mode(const struct passwd *user, const char *path, int wanted) {
        gid_t groups[REACH_GROUPS];
        int n = REACH_GROUPS, shift = 0;
        struct stat st;

        if (stat(path, &st) < 0 || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
                return DOCTOR_UNKNOWN;
        if (user->pw_uid == 0)
                return DOCTOR_YES;
        if (getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
                return DOCTOR_UNKNOWN;
        for (int i = 0; i < n; i++)
                if (groups[i] == st.st_gid)
                        shift = 3;
        if (user->pw_uid == st.st_uid)
                shift = 6;
        return (((int)st.st_mode >> shift) & wanted) == wanted ? DOCTOR_YES : DOCTOR_NO;
}

static enum doctor_answer reach_by_kernel(_unused_ const struct passwd *user, const char *path, int wanted) {
        if (faccessat(AT_FDCWD, path, wanted, AT_EACCESS) == 0)
                return DOCTOR_YES;
        return errno == EACCES || errno == EPERM ? DOCTOR_NO : DOCTOR_UNKNOWN;
}

/* Each part of the path in turn. As the child's exit status. */
static int reach_walk(const struct reach_question *q,
                      enum doctor_answer (*ask)(const struct passwd *user, const char *path, int wanted)) {
        char part[PATH_MAX];
        bool is_folder = true;

        for (unsigned i = 0; is_folder && i < REACH_ABSENT - 1; i++) {
                enum doctor_answer answer;

                is_folder = reach_part(q->path, i, part);
                answer = ask(q->user, part, is_folder ? X_OK : q->wanted);
                if (answer != DOCTOR_YES)
                        return answer == DOCTOR_NO ? (int)i + 1 : REACH_ABSENT;
        }
        return 0;
}

static int reach_as_child(const struct reach_question *q) {
        int status;
        pid_t pid;

        pid = fork();
        if (pid == 0) {
                if (initgroups(q->user->pw_name, q->user->pw_gid) < 0 || setgid(q->user->pw_gid) < 0 ||
                    setuid(q->user->pw_uid) < 0)
                        _exit(REACH_FAILED);
                _exit(reach_walk(q, reach_by_kernel));
        }
        if (pid < 0)
                return REACH_FAILED;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return REACH_FAILED;
        return WIFEXITED(status) ? WEXITSTATUS(status) : REACH_FAILED;
}

static enum doctor_answer reach_look(const char *user, const struct reach_question *asked, char ret[static PATH_MAX]) {
        struct reach_question q = *asked;
        int found;

        ret[0] = '\0';
        q.user = *user ? getpwnam(user) : NULL;
        if (!q.user || q.path[0] != '/')
                return DOCTOR_UNKNOWN;
        if (geteuid() == 0)
                found = reach_as_child(&q);
        else
                found = reach_walk(&q, geteuid() == q.user->pw_uid ? reach_by_kernel : reach_by_mode);
        if (found == 0)
                return DOCTOR_YES;
        if (found >= REACH_ABSENT)
                return DOCTOR_UNKNOWN;
        reach_part(q.path, (unsigned)found - 1, ret);
        return DOCTOR_NO;
}

static enum doctor_answer reach_ask(struct doctor_facts *f, const char *user, const struct reach_question *asked,
                                    const char **ret_obstacle) {
        char part[PATH_MAX];
        enum doctor_answer answer = reach_look(user, asked, part);

        *ret_obstacle = doctor_facts_keep(f, part);
        return answer;
}

enum doctor_answer doctor_reach_may_read(const char *user, const char *path, char ret[static PATH_MAX]) {
        return reach_look(user, &(struct reach_question){ .path = path, .wanted = R_OK }, ret);
}

static enum doctor_answer reach_exists(const char *folder) {
        struct stat st;

        if (folder[0] != '/')
                return DOCTOR_UNKNOWN;
        if (stat(folder, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR ? DOCTOR_NO : DOCTOR_UNKNOWN;
        return S_ISDIR(st.st_mode) ? DOCTOR_YES : DOCTOR_NO;
}

/* A service reads its pool's file as its user. */
static void reach_collect_file(struct doctor_facts *f, struct doctor_pool *p) {
        const struct doctor_unit *u = doctor_facts_find_unit(f, p->unit);
        const struct reach_question file = { .path = p->file, .wanted = R_OK };

        if (u && text_equal(u->active, "failed"))
                (void)reach_ask(f, *p->user ? p->user : u->user, &file, &p->file_obstacle);
}

void doctor_reach_collect(struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_pools; i++)
                reach_collect_file(f, &f->pools[i]);
        for (size_t i = 0; i < f->n_backends; i++) {
                struct doctor_backend *b = &f->backends[i];
                const struct doctor_pool *pool = doctor_facts_find_pool(f, b->address);
                const struct reach_question connect = { .path = b->address, .wanted = W_OK };
                const struct reach_question root = { .path = b->root, .wanted = X_OK };

                b->root_exists = reach_exists(b->root);
                b->may_connect = reach_ask(f, b->user, &connect, &b->obstacle);
                if (b->may_connect == DOCTOR_UNKNOWN && b->socket.exists == DOCTOR_YES)
                        doctor_facts_unseen(f,
                                            doctor_facts_print(f, "whether %s may connect to %s",
                                                               *b->user ? b->user : b->server, b->address),
                                            "it cannot be told from the rights of files: ask as root");
                if (!pool || !*b->root)
                        continue;
                if (!b->has_scripts_only)
                        b->may_enter = reach_ask(f, b->user, &root, &b->entry_obstacle);
                b->may_read = reach_ask(f, pool->user, &root, &b->root_obstacle);
        }
}
