/* SPDX-License-Identifier: MIT */
/* The start, step by step; a step that fails ends it, with the reason. Generations begin to accept later, by events:
 * see master_advance(). */

#include "master/start.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/account.h"
#include "base/program.h"
#include "base/title.h"
#include "conf/conf.h"
#include "log/log.h"
#include "master/absent.h"
#include "master/clients.h"
#include "master/control.h"
#include "master/idle.h"
#include "master/keep.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/memory.h"
#include "master/notify.h"
#include "master/numbers.h"
#include "master/pidfile.h"
#include "master/pools.h"
#include "master/pressure.h"
#include "master/programs.h"
#include "master/requests.h"
#include "master/signal.h"
#include "master/spare.h"
#include "master/tick.h"

static bool start_is_absent(void *ctx, const struct conf_pool *settings) {
        return !pools_find(ctx, settings->name);
}

/* Pools without a socket are left out where others have theirs; told: about them, should the start end here. */
static int start_leave_absent(struct master *m, int result, const struct text *told, struct text *problems) {
        int r;

        if (m->n_pools == 0 || result != 0) {
                text_append(problems, text_peek(told));
                return LISTEN_E_PROBLEM;
        }
        r = absent_leave(m->conf, start_is_absent, m);
        absent_log(m->conf);
        return r;
}

/* What has come out of the fd store for it, beside its listeners. */
static void start_return(struct master *m, struct master_pool *mp, const struct conf_pool *settings) {
        numbers_return(mp->pool, stored_claim_numbers(&m->inherited.stored, settings->name));
        clients_return(m, mp, settings);
}

static int start_pools(struct master *m, struct text *problems) {
        _cleanup_text_ struct text absent = {};
        int result = 0;

        stored_drop_unwanted(&m->inherited.stored, m->conf);
        for (size_t i = 0; i < m->conf->n_pools; i++) {
                const struct conf_pool *settings = &m->conf->pools[i];
                struct listen_set *set = NULL;
                struct master_pool *mp;
                _cleanup_text_ struct text told = {};
                int r = listen_open(&m->inherited, settings, &set, &told);

                text_append(r == LISTEN_E_ABSENT ? &absent : problems, text_peek(&told));
                if (r == LISTEN_E_ABSENT)
                        continue;
                if (r == 0) {
                        r = pools_add(m, settings->name, set, &mp);
                        if (r < 0)
                                listen_set_free(set);
                }
                if (r == 0)
                        start_return(m, mp, settings);
                if (r == 0 && settings->status_listen)
                        r = pools_open_page(&m->inherited, mp, settings, &mp->status, problems);
                if (r < 0)
                        return r;
                result = MAX(result, r);
        }
        inherited_close_left(&m->inherited, m->conf);
        if (result == 0 && m->n_pools > 0) {
                spare_close(&m->inherited);
                spare_log(&m->inherited);
                (void)pools_compare_sockets(m);
        } else if (inherited_check_claimed(&m->inherited, m->conf, problems) != 0)
                result = LISTEN_E_PROBLEM;
        if (absent.n > 0)
                result = start_leave_absent(m, result, &absent, problems);
        handed_done(&m->inherited.handed);
        if (result == 0)
                stored_drop_rest(&m->inherited.stored);
        return result;
}

/* PHP that does not start is an error of the start, as with php-fpm, so it is started once: where no pool needs it at
 * once, for the first one, which goes to sleep again unless it is the only one. */
static void start_choose_first(struct master *m) {
        for (size_t i = 0; i < m->conf->n_pools; i++)
                if (m->conf->pools[i].pm != CONF_PM_ONDEMAND || m->conf->pools[i].sleep_after == 0)
                        return;
        m->pools[0]->pool->first = m->n_pools == 1 ? POOL_FIRST_AWAKE : POOL_FIRST_TRIAL;
}

static int start_generations(struct master *m, struct text *problems) {
        pools_apply(m, m->conf);
        memory_look(m, m->conf);
        start_choose_first(m);
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];
                struct pool_listeners listeners = { .fds = mp->listeners->fds, .n = mp->listeners->n };
                int r = pool_start_generation(mp->pool, m->conf, conf_find_pool(m->conf, mp->pool->name), &listeners);

                if (r < 0) {
                        text_printf(problems, "pool '%s': cannot start its zygote: %s\n", mp->pool->name, strerror(-r));
                        return r;
                }
        }
        return 0;
}

static void start_set_title(const struct master *m) {
        _cleanup_text_ struct text title = {};

        text_printf(&title, "%s: master process (%s)", program_name(), m->options->conf_name);
        title_set(text_peek(&title));
}

static int start_write_pid(struct master *m, struct text *problems) {
        const char *path = m->conf->global.pid;
        int r = path ? pidfile_write(path, problems) : 0;

        if (r == 0 && path)
                m->pid_path = strdup(path);
        return r != 0 ? LISTEN_E_PROBLEM : path && !m->pid_path ? -ENOMEM : 0;
}

static void start_log_ignored(const char *pool, const char *directive) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "'%s' directive is ignored when FPM is not running as root", directive);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .pool = pool, .message = text_peek(&message) });
}

/* Without root there is one user for all pools: this program's. Under php-fpm's name priorities are root's as well. */
static void start_log_all_ignored(const struct master *m) {
        bool php_fpm = program_is_php_fpm();

        if (geteuid() == 0)
                return;
        if (php_fpm && m->conf->global.process_priority != CONF_INT_UNSET)
                start_log_ignored(NULL, "process.priority");
        for (size_t i = 0; i < m->conf->n_pools; i++) {
                const struct conf_pool *pool = &m->conf->pools[i];
                struct account user;

                if (pool->user && (php_fpm || account_user(pool->user, &user) < 0 || user.uid != geteuid()))
                        start_log_ignored(pool->name, "user");
                if (pool->group && php_fpm)
                        start_log_ignored(pool->name, "group");
                if (php_fpm && pool->process_priority != CONF_INT_UNSET)
                        start_log_ignored(pool->name, "process.priority");
        }
}

int start_service(struct master *m, struct text *problems) {
        int r;

        r = programs_open_all(&m->env, problems);
        if (r < 0)
                return r;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        r = memory_attach(m);
        if (r < 0)
                return r;
        start_log_all_ignored(m);
        r = inherited_take(&m->inherited, m->conf, problems);
        if (r == 0)
                r = handed_take(&m->inherited.handed, problems);
        if (r == 0)
                r = keep_begin(m);
        if (r == 0)
                r = start_pools(m, problems);
        if (r == 0)
                keep_update(m);
        if (r == 0)
                r = idle_attach(m, problems);
        if (r == 0)
                r = start_write_pid(m, problems);
        if (r == 0)
                r = signal_attach(m);
        if (r == 0)
                r = control_attach(m, requests_handle);
        if (r >= 0 && r != LISTEN_E_PROBLEM)
                r = tick_attach(m);
        if (r >= 0 && r != LISTEN_E_PROBLEM)
                pressure_attach(m);
        if (r >= 0 && r != LISTEN_E_PROBLEM)
                r = notify_attach(m);
        if (r < 0 || r == LISTEN_E_PROBLEM)
                return r;

        start_set_title(m);
        logs_apply(m, m->conf); /* stderr, which has had what comes before, is left alone where the log is elsewhere */
        log_notice("fpm is running, pid %d", getpid());
        notify_status(m, time_now());
        r = start_generations(m, problems);
        if (r == 0)
                master_advance(m); /* some may have failed already */
        return r;
}
