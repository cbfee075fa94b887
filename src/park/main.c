/* SPDX-License-Identifier: MIT */
/*
 * fpmd-park: started by the master only, as the pool's user, with the descriptors of ipc/inherit.h. Runs no PHP, opens
 * nothing but queue.body, and needs nothing of the machine but its descriptors and memory, so all it could do otherwise
 * is given up.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/number.h"
#include "base/process.h"
#include "base/program.h"
#include "base/text.h"
#include "base/title.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "ipc/helper.h"
#include "ipc/inherit.h"
#include "ipc/signals.h"
#include "log/log.h"
#include "log/out.h"
#include "park/entrance.h"
#include "park/loop.h"
#include "park/refuse.h"
#include "park/standin.h"
#include "scoreboard/scoreboard.h"

/* Descriptors beside the connections: our own, and those of connections that are about to be closed. */
#define MAIN_SPARE_FDS 32U

/* Bytes of log entries that wait for their readers: the park waits for nobody. */
#define MAIN_LOG_QUEUE (256U * 1024U)
#define MAIN_LOG_LAST  USEC_PER_SEC

/* The listeners are behind the fixed descriptors, where the master has given any; nothing else is. */
static size_t park_count_listeners(void) {
        size_t n = 0;

        while (fd_set_cloexec(_PARK_FD_MAX + (int)n, true) == 0)
                n++;
        return n;
}

/* Shelves, one for each worker: where there are more workers, the others hand their connections over. */
#define MAIN_SHELVES 512U

/* A descriptor for each connection, and for each shelf, as far as there are any left. */
static void park_raise_limit(struct park *park) {
        rlim_t need = park->pool->park_max_connections + MAIN_SPARE_FDS;
        rlim_t limit = process_raise_files(need + MAIN_SHELVES, NULL);

        park->n_shelves_max = limit > need ? (size_t)MIN(limit - need, (rlim_t)MAIN_SHELVES) : 0;
        park->n_max = park->pool->park_max_connections;
        if (limit >= need)
                return;
        park->n_max = limit > 2 * MAIN_SPARE_FDS ? limit - MAIN_SPARE_FDS : MAIN_SPARE_FDS;
        log_own("park.max_connections = %u is more than the limit of descriptors allows: it acts as %zu",
                park->pool->park_max_connections, park->n_max);
}

int main(int argc, char **argv) {
        static const int signals[] = { PARK_SIGNAL_FINISH, PARK_SIGNAL_RETIRE, SIGQUIT, SIGINT };
        static struct park park = {
                .intake = PARK_FD_INTAKE, .offers = PARK_FD_OFFERS, .orders = PARK_FD_ORDERS, .signal_fd = -1
        };
        _cleanup_text_ struct text problems = {};
        struct scoreboard *scoreboard = NULL;
        size_t n_listeners;
        uint64_t level = LOG_LEVEL_NOTICE;
        struct conf *conf = NULL;
        int r;

        if (argc < 2 || argc > 3 || number_parse_u64(argv[1], LOG_LEVEL_ALERT, &level) < 0 ||
            (argc == 3 && !text_equal(argv[2], "refuse")) ||
            helper_check_descriptors(_PARK_FD_MAX, PARK_FD_JOURNAL, PARK_FD_LOG) < 0) {
                fprintf(stderr, "fpmd-park is started by fpmd, not by hand.\n");
                return EXIT_FAILURE;
        }
        n_listeners = park_count_listeners();
        program_init(argv[0]);
        title_init(argc, argv);
        setpgid(0, 0);             /* a terminal's Ctrl-C is for the master */
        prctl(PR_SET_DUMPABLE, 0); /* as the zygote: it holds clients' bytes */
        log_init(&(struct log_setup){ .journal_fd = fd_is_open(PARK_FD_JOURNAL) ? PARK_FD_JOURNAL : -1,
                                      .file_fd = fd_is_open(PARK_FD_LOG) ? PARK_FD_LOG : -1,
                                      .level = (enum log_level)level });
        r = conf_pack_read(PARK_FD_CONF, &conf, &problems);
        if (r == 0) {
                park.pool = &conf->pools[0];
                log_set_pool(park.pool->name);
                r = scoreboard_map(PARK_FD_SCOREBOARD, &scoreboard);
        }
        if (r == 0) {
                log_out_init(0, MAIN_LOG_QUEUE, scoreboard->header.logs_lost);
                park.numbers = &scoreboard->header.park;
                park.scoreboard = scoreboard;
                park.overload = scoreboard->header.overload;
                park.denied = scoreboard->header.denied;
                park.managed = argc == 2 && conf_pool_limits_queue(park.pool);
                park.refuse = park.managed ? refuse_unstored : NULL;
                park.stopping = &scoreboard->header.stopping;
                helper_set_title(argc == 3 ? "refuse" : "park", park.pool->name);
                park_raise_limit(&park);
                r = geteuid() != 0 ? capability_drop_all() : 0;
        }
        if (r == 0)
                r = park.signal_fd = helper_take_signals(signals, ELEMENTSOF(signals));
        if (r >= 0)
                r = park_init(&park);
        park.now = time_now();
        if (r == 0)
                r = argc == 3 ? standin_begin(&park, _PARK_FD_MAX, n_listeners)
                              : entrance_open(&park, _PARK_FD_MAX, n_listeners);
        if (r == 0 && park.managed)
                refuse_look_at_page(&park);
        if (r == 0)
                r = park_run(&park);
        standin_end(&park); /* says what it has done, where nobody has told it to end */
        if (r < 0)
                log_error("the park ends: %s", strerror(-r));
        if (conf)
                log_out_finish(MIN(conf->global.log_timeout, MAIN_LOG_LAST), MAIN_LOG_LAST);
        conf_free(conf);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
