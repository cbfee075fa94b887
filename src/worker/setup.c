/* SPDX-License-Identifier: MIT */
/*
 * From the zygote's fork to a worker: what PHP code will see of its process (environment, directory, descriptors 0 to
 * 2, title), and how it is told to end. SIGQUIT ends it between two requests, SIGTERM and SIGINT at once; the rest is
 * ignored, as a worker has no part in it. Handlers are set before PHP's, which wraps and forwards them.
 */

#include "worker/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "base/program.h"
#include "base/title.h"
#include "conf/conf.h"
#include "conf/credential.h"
#include "log/log.h"
#include "worker/confine.h"
#include "worker/folders.h"
#include "worker/memory.h"
#include "worker/syscalls.h"

static int setup_quit_eventfd = -1;
static bool setup_copied;
static volatile sig_atomic_t setup_told;

static void setup_on_quit(_unused_ int sig) {
        int saved = errno;
        uint64_t one = 1;

        setup_told = 1;
        (void)!write(setup_quit_eventfd, &one, sizeof(one));
        errno = saved;
}

static void setup_say_nothing(void) {
}

static void (*setup_last_words)(void) = setup_say_nothing;

/* Ended as by the signal itself, once this handler has returned. */
static void setup_on_term(int sig) {
        int saved = errno;

        if (!setup_copied)
                setup_last_words();
        (void)sigaction(sig, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
        (void)raise(sig);
        errno = saved;
}

/* Not SIG_IGN, which programs that PHP starts would inherit. */
static void setup_on_nothing(_unused_ int sig) {
}

static void (*setup_let_go)(void);

/* Its SIGQUIT is not the worker's. */
static void setup_on_fork(void) {
        setup_copied = true;
        setup_quit_eventfd = -1;
        setup_let_go();
}

bool setup_is_copy(void) {
        return setup_copied;
}

bool setup_is_told_to_end(void) {
        return setup_told;
}

static int setup_signals(void) {
        static const struct {
                int sig;
                void (*handler)(int);
        } rows[] = {
                { SIGQUIT, setup_on_quit },   { SIGTERM, setup_on_term },    { SIGINT, setup_on_term },
                { SIGHUP, setup_on_nothing }, { SIGUSR1, setup_on_nothing }, { SIGUSR2, setup_on_nothing },
                { SIGPIPE, SIG_IGN },         { SIGCHLD, SIG_DFL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct sigaction sa = { .sa_handler = rows[i].handler,
                                        .sa_flags = SA_RESTART }; /* scripts' system calls go on */

                sigemptyset(&sa.sa_mask);
                if (rows[i].handler == setup_on_term) { /* it writes: once */
                        sigaddset(&sa.sa_mask, SIGTERM);
                        sigaddset(&sa.sa_mask, SIGINT);
                }
                if (sigaction(rows[i].sig, &sa, NULL) < 0)
                        return -errno;
        }
        return 0;
}

static int setup_unblock(int quit_fd) {
        sigset_t none;

        setup_quit_eventfd = quit_fd;
        setup_told = 0;
        sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* /dev/null, which a chroot may not have. */
static int setup_null = -1;

static int setup_descriptors(int stdout_fd, int stderr_fd) {
        _cleanup_fd_ int null = setup_null, out = stdout_fd, err = stderr_fd;

        if (dup2(null, STDIN_FILENO) < 0 || dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0 ||
            dup2(err >= 0 ? err : null, STDERR_FILENO) < 0)
                return -errno;
        return 0;
}

/* The workers' user, for their environment. NULL: it has no name. */
static char *setup_user, *setup_home;

int setup_prepare(const struct conf_pool *pool) {
        const struct passwd *pw = getpwuid(geteuid());

        setup_null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (setup_null < 0)
                return -errno;
        memory_prepare(pool);
        if (!pw)
                return 0;
        setup_user = strdup(pw->pw_name);
        setup_home = strdup(pw->pw_dir);
        return setup_user && setup_home ? 0 : -ENOMEM;
}

static int setup_environment(const struct conf_pool *pool) {
        if (pool->clear_env) {
                char **empty =
                        calloc(1, sizeof(char *)); /* clearenv(3) would leave a NULL environ, which PHP reads through */

                if (!empty)
                        return -ENOMEM;
                environ = empty;
        }
        if (setup_user && (setenv("USER", setup_user, 1) < 0 || setenv("HOME", setup_home, 1) < 0))
                return -errno;
        for (size_t i = 0; i < pool->env.n; i++)
                if ((pool->expose_credentials || !conf_credential_of(&pool->env.items[i])) &&
                    setenv(pool->env.items[i].key, pool->env.items[i].value, 1) < 0)
                        return -errno;
        return 0;
}

static void setup_title(const struct conf_pool *pool) {
        char title[128];

        snprintf(title, sizeof(title), "%s: pool %s", program_name(), pool->name);
        title_set(title);
        title_set_command("fpmd-worker");
}

int setup_application(const struct conf_pool *pool) {
        int abi = pool->landlock == CONF_LANDLOCK_NO ? 0 : landlock_abi(), r = setup_signals();

        if (r >= 0)
                r = setup_environment(pool);
        if (r >= 0)
                r = confine_enter(pool);
        if (r >= 0)
                r = folders_restrict(pool, abi);
        return r < 0 ? r : syscalls_restrict(pool, abi);
}

int setup_process(const struct worker_setup *setup, int quit_fd, void (*copy_lets_go)(void), void (*last_words)(void)) {
        int r;

        setup_let_go = copy_lets_go;
        setup_last_words = last_words;
        setup_title(setup->pool);
        if (setup->readable)
                prctl(PR_SET_DUMPABLE, 1);
        r = -pthread_atfork(NULL, NULL, setup_on_fork);
        if (r >= 0)
                r = setup_unblock(quit_fd);
        if (r >= 0)
                r = setup_descriptors(setup->stdout_fd, setup->stderr_fd);
        if (r >= 0 && !conf_model_forks(setup->pool))
                r = setup_application(setup->pool);
        if (r < 0)
                log_error("worker set-up failed: %s", strerror(-r));
        return r;
}

static void setup_log_wrong_address(const char *word) {
        log_say_printf(LOG_LEVEL_ERROR, "Wrong IP address '%s' in listen.allowed_clients", word);
}

int setup_allow(const struct conf_pool *pool, struct allow *ret) {
        const struct allow_lists lists = { .clients = pool->listen_allowed_clients, .uids = conf_pool_peers(pool) };
        int r = allow_parse(&lists, ret, setup_log_wrong_address);

        if (r == 0 && ret->restricts && ret->n == 0)
                log_say_printf(LOG_LEVEL_ERROR, "There are no allowed addresses");
        return r;
}
