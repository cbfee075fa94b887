/* SPDX-License-Identifier: MIT */
/*
 * fpmd-logger: started by the master only, as the pool's user, with the descriptors of ipc/inherit.h, for a
 * generation whose pool has catch_workers_output. Writes what the workers say on stdout and stderr into the log.
 * Runs no PHP and opens nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/program.h"
#include "base/text.h"
#include "base/title.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "ipc/inherit.h"
#include "log/log.h"
#include "log/out.h"
#include "logger/loop.h"
#include "scoreboard/scoreboard.h"

static bool main_is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static int main_check_descriptors(void) {
        for (int fd = INHERIT_FIRST; fd < _LOGGER_FD_MAX; fd++) {
                int r = fd_set_cloexec(fd, true);

                if (r < 0 && fd != LOGGER_FD_JOURNAL && fd != LOGGER_FD_LOG)
                        return r;
        }
        return 0;
}

static int main_take_signals(struct logger *l) {
        sigset_t set;

        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, LOGGER_SIGNAL_FINISH);
        sigaddset(&set, SIGQUIT);
        sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return l->signal_fd < 0 ? -errno : 0;
}

/* Two pipes for each worker. */
static void main_raise_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
}

static void main_set_title(const struct conf_pool *pool) {
        char title[160];

        snprintf(title, sizeof(title), "%s: logger %s", program_name(), pool->name);
        title_set(title);
        prctl(PR_SET_NAME, program_is_php_fpm() ? program_command() : "fpmd-logger");
}

int main(int argc, char **argv) {
        static struct logger logger = { .orders = LOGGER_FD_ORDERS, .signal_fd = -1, .epoll_fd = -1 };
        _cleanup_text_ struct text problems = {};
        struct scoreboard *scoreboard = NULL;
        uint64_t level = LOG_LEVEL_NOTICE;
        struct conf *conf = NULL;
        int r;

        if (argc != 2 || number_parse_u64(argv[1], LOG_LEVEL_ALERT, &level) < 0 || main_check_descriptors() < 0) {
                fprintf(stderr, "fpmd-logger is started by fpmd, not by hand.\n");
                return EXIT_FAILURE;
        }
        program_init(argv[0]);
        title_init(argc, argv);
        setpgid(0, 0);             /* a terminal's Ctrl-C is for the master */
        prctl(PR_SET_DUMPABLE, 0); /* as the zygote */
        log_init(&(struct log_setup){ .journal_fd = main_is_open(LOGGER_FD_JOURNAL) ? LOGGER_FD_JOURNAL : -1,
                                      .file_fd = main_is_open(LOGGER_FD_LOG) ? LOGGER_FD_LOG : -1,
                                      .level = (enum log_level)level });
        r = conf_pack_read(LOGGER_FD_CONF, &conf, &problems);
        if (r == 0) {
                logger.conf = conf;
                logger.pool = &conf->pools[0];
                log_set_pool(logger.pool->name);
                log_set_identity(&(struct log_identity){ .ident = conf->global.syslog_ident,
                                                         .facility = conf->global.syslog_facility });
                r = scoreboard_map(LOGGER_FD_SCOREBOARD, &scoreboard);
        }
        if (r == 0) {
                log_out_init(conf->global.log_timeout, 0, scoreboard->header.logs_lost);
                main_set_title(logger.pool);
                main_raise_limit();
                r = geteuid() != 0 ? capability_drop_all() : 0;
        }
        if (r == 0)
                r = main_take_signals(&logger);
        if (r == 0)
                r = logger_run(&logger);
        if (r < 0)
                log_error("the logger ends: %s", strerror(-r));
        conf_free(conf);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
