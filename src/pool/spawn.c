/* SPDX-License-Identifier: MIT */
/*
 * The zygote's process: fork, become the pool's user, arrange the descriptors of ipc/inherit.h, exec. A failure
 * between fork and exec is told to the master over the message socket, in words, as a failed start-up of PHP would be.
 * The park's (parks.c) takes the same steps; a zygote that is forked off the loader, the same but the exec.
 */

#include "pool/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "child/descriptors.h"
#include "child/poolchild.h"
#include "ipc/inherit.h"
#include "log/log.h"
#include "log/out.h"
#include "pool/access.h"

/* Room for the titles of the zygotes that come of the loader. */
#define SPAWN_TITLE                                                                                                    \
        "--loader=................................................................................"                    \
        "................................................................................"

char **spawn_environment(void) {
        static const char *const private[] = { "NOTIFY_SOCKET=",         "LISTEN_PID=",     "LISTEN_FDS=",
                                               "LISTEN_FDNAMES=",        "LISTEN_PIDFDID=", "WATCHDOG_USEC=",
                                               "WATCHDOG_PID=",          "MAINPID=",        "MEMORY_PRESSURE_WATCH=",
                                               "MEMORY_PRESSURE_WRITE=", "FDSTORE=",        "FPMD_STORE_IDLE=" };
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

void spawn_helper(const struct pool *p, const struct identity *who, const struct spawn_program *program) {
        const char *name = program->name;
        char level[32], *argv[] = { program_is_php_fpm() ? (char *)program_command() : (char *)name, level,
                                    (char *)program->argument, NULL };
        char **envp = spawn_environment();
        int program_fd = program->fd, r;

        log_out_forked(); /* with the master's signal mask: see signal_attach() */
        snprintf(level, sizeof(level), "%d", (int)p->env->log_level);
        r = envp ? identity_become(who) : -ENOMEM;
        if (r == 0)
                r = identity_guard(who);
        if (r == 0)
                r = descriptors_arrange(program->fds, program->n, &program_fd);
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

static char **spawn_arguments(const struct generation *g, const struct order *order, struct spawn_args *a) {
        const struct pool_env *env = g->pool->env;
        char *first[6] = { a->generation, a->listeners, a->level };
        size_t n = 3;

        snprintf(a->generation, sizeof(a->generation), "--generation=%u", g->number);
        snprintf(a->listeners, sizeof(a->listeners), "--listeners=%zu", g->listeners.n);
        snprintf(a->level, sizeof(a->level), "--log-level=%d", (int)env->log_level);
        if (env->allow_root)
                first[n++] = (char *)"--allow-to-run-as-root";
        if (order->is_reload)
                first[n++] = (char *)"--reload";
        return spawn_zygote_arguments(env, first);
}

int spawn_check_identity(const struct generation *g, struct identity *ret) {
        int r = identity_resolve(g->conf, g->pool->env->allow_root, ret);

        if (r < 0)
                log_error("[pool %s] cannot run as user '%s', group '%s': %s", g->pool->name,
                          g->conf->user ? g->conf->user : "", g->conf->group ? g->conf->group : "", strerror(-r));
        return r;
}

static bool spawn_is_reload(const struct pool *p) {
        return p->current && !p->current->asleep && !p->starting_is_replacement;
}

static int spawn_list(struct spawn_zygote *z, const struct generation *g, const struct spawn_ends *ends) {
        const struct pool *p = g->pool;
        int *fds;

        z->n = INHERIT_N_FIXED + g->listeners.n;
        z->fds = fds = calloc(z->n, sizeof(int));
        if (!fds)
                return -ENOMEM;
        fds[INHERIT_IPC - INHERIT_FIRST] = ends->ipc;
        fds[INHERIT_CONF - INHERIT_FIRST] = z->conf_fd;
        fds[INHERIT_SCOREBOARD - INHERIT_FIRST] = p->scoreboard_fd;
        fds[INHERIT_DOORBELL - INHERIT_FIRST] = p->doorbell;
        fds[INHERIT_PARK_OFFERS - INHERIT_FIRST] = p->parks.offers[0];
        fds[INHERIT_PARK_INTAKE - INHERIT_FIRST] = p->parks.intake[1];
        fds[INHERIT_LIFELINE_READ - INHERIT_FIRST] = ends->lifeline_read;
        fds[INHERIT_LIFELINE_WRITE - INHERIT_FIRST] = g->lifeline;
        fds[INHERIT_JOURNAL - INHERIT_FIRST] = p->env->journal_fd;
        fds[INHERIT_LOG - INHERIT_FIRST] = p->env->log_fd;
        fds[INHERIT_ACCESS - INHERIT_FIRST] = z->access_fd;
        fds[INHERIT_CHROOT - INHERIT_FIRST] = -1;
        memcpy(fds + INHERIT_N_FIXED, g->listeners.fds, sizeof(int) * g->listeners.n);
        return 0;
}

int spawn_prepare(const struct generation *g, const struct spawn_ends *ends, struct spawn_zygote *ret) {
        int r;

        *ret = (struct spawn_zygote){ .conf_fd = -1,
                                      .access_fd = -1,
                                      .order = { .generation = g->number,
                                                 .n_listeners = (uint32_t)g->listeners.n,
                                                 .log_level = (int32_t)g->pool->env->log_level,
                                                 .is_reload = spawn_is_reload(g->pool) } };
        r = spawn_check_identity(g, &ret->order.who);
        if (r == 0)
                r = ret->conf_fd = fd_new_sealed("fpmd-conf", g->packed, g->n_packed);
        if (r >= 0)
                r = access_open(g->conf, &ret->access_fd);
        if (r >= 0)
                r = spawn_list(ret, g, ends);
        return r;
}

void spawn_done(struct spawn_zygote *z) {
        z->conf_fd = fd_close(z->conf_fd);
        z->access_fd = fd_close(z->access_fd);
        free(z->fds);
        z->fds = NULL;
}

_noreturn_ static void spawn_child(const struct generation *g, const struct spawn_zygote *z) {
        const struct pool_env *env = g->pool->env;
        int ipc = z->fds[INHERIT_IPC - INHERIT_FIRST], program = env->zygote_fd, r;
        struct spawn_args args;
        char **argv, **envp;
        sigset_t none;

        log_out_forked();
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setrlimit(RLIMIT_NOFILE, &env->files);
        z->fds[INHERIT_CHROOT - INHERIT_FIRST] = poolchild_enter(g->settings, &z->order.who, z->n, ipc);

        argv = spawn_arguments(g, &z->order, &args);
        envp = spawn_environment();
        if (!argv || !envp)
                poolchild_fail(ipc, "cannot prepare the zygote", -ENOMEM);
        r = descriptors_arrange(z->fds, (int)z->n, &program);
        if (r < 0)
                poolchild_fail(z->fds[INHERIT_IPC - INHERIT_FIRST], "cannot arrange the zygote's descriptors", r);

        syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
        poolchild_fail(INHERIT_IPC, "cannot execute fpmd-zygote", -errno);
}

pid_t spawn_fork(const struct generation *g, const struct spawn_zygote *z) {
        pid_t pid = fork();

        if (pid == 0)
                spawn_child(g, z);
        return pid < 0 ? -errno : pid;
}

/* A child's pidfd, or -errno: then it is killed, and a stranger. */
static int spawn_watch(pid_t pid) {
        int fd = (int)syscall(SYS_pidfd_open, pid, 0), r = -errno;

        if (fd >= 0)
                return fd;
        kill(pid, SIGKILL); /* not reaped yet */
        return r;
}

int spawn_adopt(struct generation *g, pid_t pid) {
        int fd = spawn_watch(pid);

        if (fd < 0)
                return fd;
        g->zygote.pid = pid;
        g->zygote.pidfd = fd;
        return 0;
}

_noreturn_ static void spawn_loader_child(const struct pool_env *env, int ipc) {
        char *first[] = { (char *)SPAWN_TITLE, NULL, NULL };
        int program = env->zygote_fd;
        char **argv, **envp;

        log_out_forked();
        setrlimit(RLIMIT_NOFILE, &env->files);
        if (geteuid() != 0 && capability_pass_all() < 0) /* of root they are passed by the kernel */
                _exit(EXIT_FAILURE);
        if (env->allow_root)
                first[1] = (char *)"--allow-to-run-as-root";
        argv = spawn_zygote_arguments(env, first);
        envp = spawn_environment();
        if (argv && envp && descriptors_arrange(&ipc, 1, &program) == 0)
                syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
        _exit(EXIT_FAILURE);
}

int spawn_loader(const struct pool_env *env, int ipc, int *ret_pidfd) {
        pid_t pid = fork();

        if (pid == 0)
                spawn_loader_child(env, ipc);
        if (pid < 0)
                return -errno;
        *ret_pidfd = spawn_watch(pid);
        return MIN(*ret_pidfd, 0);
}
