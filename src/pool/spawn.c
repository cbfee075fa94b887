/* SPDX-License-Identifier: MIT */
/*
 * The zygote's process: fork, become the pool's user, arrange the descriptors of ipc/inherit.h, exec. A failure
 * between fork and exec is told to the master over the message socket, in words, as a failed start-up of PHP would be.
 * The park's (parks.c) takes the same steps.
 */

#include "pool/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/account.h"
#include "base/capability.h"
#include "base/fd.h"
#include "base/nowait.h"
#include "base/program.h"
#include "base/shortage.h"
#include "base/text.h"
#include "ipc/inherit.h"
#include "ipc/message.h"
#include "log/log.h"
#include "log/out.h"
#include "pool/access.h"
#include "pool/attributes.h"
#include "pool/chroot.h"

/* Descriptors that a zygote or a worker cannot do without: those that it inherits, n, twice while they are arranged,
 * and a few for PHP's start, an epoll, a script and what that includes. */
#define SPAWN_FILES_LEAST(n) ((unsigned)(INHERIT_FIRST + 2 * (n) + 24))

int spawn_resolve_identity(const struct conf_pool *conf, bool allow_root, struct spawn_identity *ret) {
        struct account user;
        int r;

        *ret = (struct spawn_identity){ .uid = getuid(), .gid = getgid() };
        if (geteuid() != 0 || (!conf->user && allow_root))
                return 0;
        if (!conf->user)
                return -EPERM;
        ret->change = true;
        r = account_user(conf->user, &user);
        if (r == 0) {
                ret->uid = user.uid;
                ret->gid = user.gid != (gid_t)-1 ? user.gid : ret->gid;
                memcpy(ret->name, user.name, sizeof(ret->name));
        }
        if (r == 0 && conf->group)
                r = account_group(conf->group, &ret->gid);
        if (r == 0 && (ret->uid == 0 || ret->gid == 0) && !allow_root)
                r = -EPERM; /* no PHP runs as root, unless that was asked for */
        return r;
}

int spawn_become(const struct spawn_identity *who) {
        if (!who->change)
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1UL, 0UL, 0UL, 0UL) < 0)
                return -errno;
        if (who->name[0] ? initgroups(who->name, who->gid) < 0 : setgroups(1, &who->gid) < 0)
                return -errno;
        if (setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0)
                return -errno;
        return 0;
}

int spawn_guard(const struct spawn_identity *who) {
        if (geteuid() == 0)
                return 0; /* root stays what it is: fpmd was told -R */
        if (who->change && capability_pass(CAP_SETGID) == 0)
                return 0;
        return capability_drop_all();
}

static int spawn_compare(const void *a, const void *b) {
        return *(const int *)a - *(const int *)b;
}

static void spawn_close_others(const int *fds, int n, int program) {
        _cleanup_nowait_ struct nowait nowait = {}; /* other pools' descriptors are among them */
        int *kept = calloc((size_t)n + 1, sizeof(int)), next = INHERIT_FIRST;

        if (!kept)
                return; /* exec closes them too, only later */
        memcpy(kept, fds, sizeof(int) * (size_t)n);
        kept[n] = program;
        qsort(kept, (size_t)n + 1, sizeof(int), spawn_compare);
        (void)nowait_begin(&nowait);
        for (int i = 0; i <= n; i++) {
                if (kept[i] > next)
                        syscall(SYS_close_range, next, kept[i] - 1, 0U);
                next = MAX(next, kept[i] + 1);
        }
        syscall(SYS_close_range, next, ~0U, 0U);
        free(kept);
}

static int spawn_move_up(int *fd, int least) {
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, least);

        if (moved < 0)
                return errno == EINVAL ? -EMFILE : -errno; /* the limit is below least */
        *fd = moved;
        return 0;
}

int spawn_arrange(int *fds, int n, int *program) {
        int r;

        spawn_close_others(fds, n, *program);
        r = spawn_move_up(program, INHERIT_FIRST + n);
        for (int i = 0; i < n && r == 0; i++)
                if (fds[i] >= 0)
                        r = spawn_move_up(&fds[i], INHERIT_FIRST + n);
        if (r < 0)
                return r;
        for (int i = 0; i < n; i++) {
                if (fds[i] < 0)
                        close(INHERIT_FIRST + i);
                else if (dup2(fds[i], INHERIT_FIRST + i) < 0)
                        return -errno;
        }
        /* everything above is close-on-exec already, unless a library forgot */
        syscall(SYS_close_range, INHERIT_FIRST + n, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
        return 0;
}

char **spawn_environment(void) {
        static const char *const private[] = { "NOTIFY_SOCKET=",         "LISTEN_PID=",     "LISTEN_FDS=",
                                               "LISTEN_FDNAMES=",        "LISTEN_PIDFDID=", "WATCHDOG_USEC=",
                                               "WATCHDOG_PID=",          "MAINPID=",        "MEMORY_PRESSURE_WATCH=",
                                               "MEMORY_PRESSURE_WRITE=", "FDSTORE=" };
        size_t n = 0, k = 0;
        char **list;

        while (environ[n])
                n++;
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                bool skip = false;

                for (size_t j = 0; j < ELEMENTSOF(private); j++)
                        skip = skip || text_has_prefix(environ[i], private[j]);
                if (!skip)
                        list[k++] = environ[i];
        }
        return list;
}

void spawn_helper(const struct pool *p, const struct spawn_identity *who, const struct spawn_program *program) {
        const char *name = program->name;
        char level[32], *argv[] = { program_is_php_fpm() ? (char *)program_command() : (char *)name, level,
                                    (char *)program->argument, NULL };
        char **envp = spawn_environment();
        int program_fd = program->fd, r;
        sigset_t set;

        log_out_forked();
        sigemptyset(&set); /* these the program takes from a descriptor; one that comes before waits there */
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_SETMASK, &set, NULL);
        snprintf(level, sizeof(level), "%d", (int)p->env->log_level);
        r = envp ? spawn_become(who) : -ENOMEM;
        if (r == 0)
                r = spawn_guard(who);
        if (r == 0)
                r = spawn_arrange(program->fds, program->n, &program_fd);
        if (r == 0) {
                syscall(SYS_execveat, program_fd, "", argv, envp, AT_EMPTY_PATH);
                r = -errno;
        }
        log_error("[pool %s] cannot execute %s: %s", p->name, name, strerror(-r));
        _exit(EXIT_FAILURE);
}

struct spawn_args {
        char generation[32];
        char listeners[32];
        char level[32];
};

char **spawn_zygote_arguments(const struct pool_env *env, char *const *first) {
        size_t n_defines = 0, n_first = 0, n = 0;
        char **argv;

        while (env->php_defines && env->php_defines[n_defines])
                n_defines++;
        while (first[n_first])
                n_first++;
        argv = calloc(n_defines * 2 + n_first + 8, sizeof(*argv));
        if (!argv)
                return NULL;
        argv[n++] = program_is_php_fpm() ? (char *)program_command() : (char *)"fpmd-zygote";
        argv[n++] = (char *)"--program";
        argv[n++] = (char *)program_path();
        for (size_t i = 0; i < n_first; i++)
                argv[n++] = first[i];
        if (env->no_php_ini)
                argv[n++] = (char *)"--no-php-ini";
        if (env->extended_info)
                argv[n++] = (char *)"--extended-info";
        if (env->php_ini) {
                argv[n++] = (char *)"--php-ini";
                argv[n++] = (char *)env->php_ini;
        }
        for (size_t i = 0; i < n_defines; i++) {
                argv[n++] = (char *)"--define";
                argv[n++] = env->php_defines[i];
        }
        return argv;
}

static char **spawn_arguments(const struct generation *g, struct spawn_args *a) {
        const struct pool_env *env = g->pool->env;
        char *first[6] = { a->generation, a->listeners, a->level };
        size_t n = 3;

        snprintf(a->generation, sizeof(a->generation), "--generation=%u", g->number);
        snprintf(a->listeners, sizeof(a->listeners), "--listeners=%zu", g->listeners.n);
        snprintf(a->level, sizeof(a->level), "--log-level=%d", (int)env->log_level);
        if (env->allow_root)
                first[n++] = (char *)"--allow-to-run-as-root";
        if (g->pool->current && !g->pool->current->asleep && !g->pool->starting_is_replacement)
                first[n++] = (char *)"--reload";
        return spawn_zygote_arguments(env, first);
}

_noreturn_ static void spawn_report(int ipc, const char *what, int r) {
        struct ipc_message m = { .type = IPC_FAILED };
        char why[SHORTAGE_TEXT_MAX];

        snprintf(m.text, sizeof(m.text), "%s: %s", what, shortage_describe(r, why));
        ipc_message_send(ipc, &m, NULL);
        _exit(EXIT_FAILURE);
}

/* Becomes the pool's user. ret_chroot: the way to the process that will put this one into the pool's chroot; -1: it has
 * none. */
static void spawn_become_pool(const struct generation *g, const struct spawn_identity *who, int ipc, int *ret_chroot) {
        int folder = -1, r;

        *ret_chroot = -1;
        if (g->conf->chroot) {
                folder = chroot_open(g->conf->chroot);
                if (folder < 0)
                        spawn_report(ipc, "cannot open the directory of the directive 'chroot'", folder);
        }
        r = spawn_become(who);
        if (r < 0)
                spawn_report(ipc, "cannot become the pool's user", r);
        r = g->conf->chroot ? chroot_start(folder, ret_chroot) : 0;
        if (r == -EPERM)
                spawn_report(ipc, "directive 'chroot' takes a start as root, or CAP_SYS_CHROOT", r);
        if (r < 0)
                spawn_report(ipc, "cannot prepare to enter the chroot", r);
        r = spawn_guard(who);
        if (r < 0)
                spawn_report(ipc, "cannot give up capabilities", r);
}

/* What only the zygote has. */
struct spawn_zygote_ends {
        int ipc, conf, access, lifeline_read;
};

_noreturn_ static void spawn_child(const struct generation *g, const struct spawn_identity *who,
                                   const struct spawn_zygote_ends *ends) {
        const struct pool *p = g->pool;
        size_t n = INHERIT_N_FIXED + g->listeners.n;
        int *fds = calloc(n, sizeof(int));
        struct spawn_args args;
        char **argv, **envp;
        int zygote_fd = p->env->zygote_fd, chroot_fd;
        sigset_t none;
        int r;

        log_out_forked();
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setrlimit(RLIMIT_NOFILE, &p->env->files);
        attributes_set_limits(p->name, attributes_files(p->name, g->conf->rlimit_files, SPAWN_FILES_LEAST(n)),
                              g->conf->rlimit_core);
        attributes_have_files(p->name, SPAWN_FILES_LEAST(n));
        attributes_set_priority(p->name, attributes_priority(&g->settings->global, g->conf));
        spawn_become_pool(g, who, ends->ipc, &chroot_fd);

        argv = spawn_arguments(g, &args);
        envp = spawn_environment();
        if (!fds || !argv || !envp)
                spawn_report(ends->ipc, "cannot prepare the zygote", -ENOMEM);

        fds[INHERIT_IPC - INHERIT_FIRST] = ends->ipc;
        fds[INHERIT_CONF - INHERIT_FIRST] = ends->conf;
        fds[INHERIT_SCOREBOARD - INHERIT_FIRST] = p->scoreboard_fd;
        fds[INHERIT_DOORBELL - INHERIT_FIRST] = p->doorbell;
        fds[INHERIT_PARK_OFFERS - INHERIT_FIRST] = p->parks.offers[0];
        fds[INHERIT_PARK_INTAKE - INHERIT_FIRST] = p->parks.intake[1];
        fds[INHERIT_LIFELINE_READ - INHERIT_FIRST] = ends->lifeline_read;
        fds[INHERIT_LIFELINE_WRITE - INHERIT_FIRST] = g->lifeline;
        fds[INHERIT_JOURNAL - INHERIT_FIRST] = p->env->journal_fd;
        fds[INHERIT_LOG - INHERIT_FIRST] = p->env->log_fd;
        fds[INHERIT_ACCESS - INHERIT_FIRST] = ends->access;
        fds[INHERIT_CHROOT - INHERIT_FIRST] = chroot_fd;
        memcpy(fds + INHERIT_N_FIXED, g->listeners.fds, sizeof(int) * g->listeners.n);
        r = spawn_arrange(fds, (int)n, &zygote_fd);
        if (r < 0)
                spawn_report(fds[INHERIT_IPC - INHERIT_FIRST], "cannot arrange the zygote's descriptors", r);

        syscall(SYS_execveat, zygote_fd, "", argv, envp, AT_EMPTY_PATH);
        spawn_report(INHERIT_IPC, "cannot execute fpmd-zygote", -errno);
}

int spawn_check_identity(const struct generation *g, struct spawn_identity *ret) {
        int r = spawn_resolve_identity(g->conf, g->pool->env->allow_root, ret);

        if (r < 0)
                log_error("[pool %s] cannot run as user '%s', group '%s': %s", g->pool->name,
                          g->conf->user ? g->conf->user : "", g->conf->group ? g->conf->group : "", strerror(-r));
        return r;
}

int spawn_zygote(struct generation *g, int ipc_child, int lifeline_read) {
        struct spawn_identity who;
        _cleanup_fd_ int conf_fd = -1, access_fd = -1;
        int r;

        r = spawn_check_identity(g, &who);
        if (r < 0)
                return r;
        conf_fd = fd_new_sealed("fpmd-conf", g->packed, g->n_packed);
        if (conf_fd < 0)
                return conf_fd;
        r = access_open(g->conf, &access_fd);
        if (r < 0)
                return r;

        g->zygote.pid = fork();
        if (g->zygote.pid < 0) {
                g->zygote.pid = 0;
                return -errno;
        }
        if (g->zygote.pid == 0)
                spawn_child(g, &who, &(struct spawn_zygote_ends){ ipc_child, conf_fd, access_fd, lifeline_read });
        g->zygote.pidfd = (int)syscall(SYS_pidfd_open, g->zygote.pid, 0);
        if (g->zygote.pidfd < 0) {
                r = -errno;
                kill(g->zygote.pid, SIGKILL); /* our unreaped child, and a stranger from now on */
                g->zygote.pid = 0;
                return r;
        }
        return 0;
}
