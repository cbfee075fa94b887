/* SPDX-License-Identifier: MIT */
/*
 * fpmd-logger: started by the master only, as the pool's user, with the descriptors of ipc/inherit.h, for a
 * generation whose pool has catch_workers_output. Writes what the workers say on stdout and stderr into the log.
 * Runs no PHP and opens nothing.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/process.h"
#include "base/program.h"
#include "base/text.h"
#include "base/title.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "ipc/helper.h"
#include "ipc/inherit.h"
#include "ipc/signals.h"
#include "log/log.h"
#include "log/out.h"
#include "logger/loop.h"
#include "scoreboard/scoreboard.h"

int main(int argc, char **argv) {
        static const int signals[] = { LOGGER_SIGNAL_FINISH };
        static struct logger logger = { .orders = LOGGER_FD_ORDERS, .signal_fd = -1, .epoll_fd = -1 };
        _cleanup_text_ struct text problems = {};
        struct scoreboard *scoreboard = NULL;
        uint64_t level = LOG_LEVEL_NOTICE;
        struct conf *conf = NULL;
        int r;

        if (argc != 2 || number_parse_u64(argv[1], LOG_LEVEL_ALERT, &level) < 0 ||
            helper_check_descriptors(_LOGGER_FD_MAX, LOGGER_FD_JOURNAL, LOGGER_FD_LOG) < 0) {
                fprintf(stderr, "fpmd-logger is started by fpmd, not by hand.\n");
                return EXIT_FAILURE;
        }
        program_init(argv[0]);
        title_init(argc, argv);
        setpgid(0, 0);             /* a terminal's Ctrl-C is for the master */
        prctl(PR_SET_DUMPABLE, 0); /* as the zygote */
        log_init(&(struct log_setup){ .journal_fd = fd_is_open(LOGGER_FD_JOURNAL) ? LOGGER_FD_JOURNAL : -1,
                                      .file_fd = fd_is_open(LOGGER_FD_LOG) ? LOGGER_FD_LOG : -1,
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
                helper_set_title("logger", logger.pool->name);
                process_raise_files(RLIM_INFINITY, NULL); /* two pipes for each worker */
                r = geteuid() != 0 ? capability_drop_all() : 0;
        }
        if (r == 0)
                r = logger.signal_fd = helper_take_signals(signals, ELEMENTSOF(signals));
        if (r >= 0)
                r = logger_run(&logger);
        if (r < 0)
                log_error("the logger ends: %s", strerror(-r));
        conf_free(conf);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
