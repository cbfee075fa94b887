/* SPDX-License-Identifier: MIT */
/*
 * Reload: a second generation on the same listeners. Check the configuration, open what is new, start a zygote for each
 * pool, wait until all their first workers accept; only then tell the old generations to finish. Until that point
 * nothing of the old is touched, and any failure ends the attempt: the new generations go, the reason is logged, told
 * to the service manager, and to whoever runs fpmctl reload.
 *
 * A pool has at most two generations, so a reload waits until the previous one has drained. Requests that come
 * meanwhile are one reload.
 */

#include "master/reload.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/addr.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "base/trusted.h"
#include "child/attributes.h"
#include "child/identity.h"
#include "conf/diff.h"
#include "conf/lines.h"
#include "log/log.h"
#include "master/absent.h"
#include "master/apply.h"
#include "master/batches.h"
#include "master/control.h"
#include "master/keep.h"
#include "master/logs.h"
#include "master/makeroom.h"
#include "master/memory.h"
#include "master/notify.h"
#include "master/pidfile.h"
#include "master/pools.h"
#include "master/spare.h"
#include "master/summary.h"
#include "master/wishes.h"
#include "pool/renewal.h"

static void reload_remember(struct master *m, enum ipc_control_outcome outcome, const char *text) {
        m->reload.outcome = outcome;
        m->reload.wall = time_wall();
        free(m->reload.text);
        m->reload.text = strdup(text);
}

/* One of the lines that are no remarks. */
static void reload_log_mistake(const char *line, size_t n) {
        _cleanup_text_ struct text message = {};

        text_append(&message, "reload refused, everything stays as it was: ");
        text_append_n(&message, line, n);
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_ERROR, .event = LOG_EVENT_RELOAD_REFUSED, .message = text_peek(&message) });
}

/* php-fpm's words for what ours say in the next line, with its place, or for what mistakes that have been told lead to.
 */
static bool reload_is_told_twice(const char *line, const char *next, bool told) {
        if (program_is_php_fpm())
                return false;
        return conf_lines_is_outcome(line) ? told : !conf_lines_is_place(line) && conf_lines_is_ours(next);
}

/* Logs a line for each; remarks that are made on the way are not the reason. */
static void reload_log_lines(const char *lines, struct text *ret_reason) {
        enum log_level level = LOG_LEVEL_ERROR;
        const char *line;
        size_t n;

        for (; conf_lines_next(&lines, &level, &line, &n); level = LOG_LEVEL_ERROR) {
                _cleanup_text_ struct text remark = {};

                text_append_n(&remark, line, n);
                if (level < LOG_LEVEL_ERROR) {
                        log_write(&(struct log_entry){ .level = level, .message = text_peek(&remark) });
                        continue;
                }
                if (!reload_is_told_twice(line, lines, ret_reason->n > 0))
                        reload_log_mistake(line, n);
                text_printf(ret_reason, "%s%s", *text_peek(ret_reason) ? "\n" : "", text_peek(&remark));
        }
}

/* Takes back everything the attempt has done. */
static void reload_undo(struct master *m) {
        int fd = m->logs.file_fd;

        apply_undo(m);
        if (!m->reload.conf)
                return;
        m->logs.file_fd = m->logs.old_file_fd;
        m->env.control_timeout = m->conf->global.process_control_timeout;
        m->env.process_max = m->conf->global.process_max;
        makeroom_set(m, m->conf);
        pools_apply(m, m->conf);
        memory_look(m, m->conf);
        logs_apply(m, m->conf);
        fd_close(fd);
        conf_free(m->reload.conf);
        m->reload.conf = NULL;
}

/* problems: ""; nothing has been tried, as nobody has asked for a pool that there is. */
static void reload_refuse(struct master *m, const char *problems) {
        _cleanup_text_ struct text reason = {};

        reload_undo(m);
        m->state = STATE_RUNNING;
        reload_log_lines(problems, &reason);
        if (*problems)
                reload_remember(m, IPC_CONTROL_OUTCOME_REFUSED, text_peek(&reason));
        notify_ready(m);
        control_reload_ended(m, false, text_peek(&reason));
        if (m->logs.reopen_pending)
                logs_reopen(m);
}

/* Whether what a pool runs with, or tries to, is not what the file now says, wherever in it that stands. Global
 * settings count: zygotes and workers have them. */
static bool reload_has_changed(struct master *m, const struct conf_pool *settings) {
        const struct master_pool *mp = pools_find(m, settings->name);
        const struct generation *g = mp ? renewal_settings(mp->pool) : NULL;
        _cleanup_text_ struct text names = {};

        return !g || !conf_diff_pool_equal(g->conf, settings) ||
               conf_diff_global(&g->settings->global, &m->reload.conf->global, CONF_APPLIES_RELOAD, &names) > 0;
}

/* -1: it has none, and starts no process. */
static uid_t reload_user(const struct master *m, const struct conf_pool *conf) {
        struct identity who;

        return conf && identity_resolve(conf, m->env.allow_root, &who) == 0 ? who.uid : (uid_t)-1;
}

static const struct conf_pool *reload_settings(const struct pool *p) {
        const struct generation *g = p->current ?: p->starting ?: p->wanted;

        return g ? g->conf : NULL;
}

static struct plan_running reload_picture(const struct master *m, const struct master_pool *mp) {
        struct plan_running r = {
                .name = mp->pool->name,
                .listen = mp->listeners->listen,
                .page = statuspage_address(mp->status),
                .of_systemd = mp->listeners->inherited,
                .left = conf_is_left(m->reload.conf, mp->pool->name),
                .ends = mp->state == STATE_POOL_LEAVES,
        };

        if (addr_of_socket(mp->listeners->fds[0], &r.bound) < 0)
                r.bound.n = 0;
        return r;
}

static struct plan_wanted reload_wish(struct master *m, const struct conf_pool *settings) {
        struct plan_wanted w = {
                .name = settings->name,
                .listen = settings->listen,
                .page = settings->status_listen,
                .changed = reload_has_changed(m, settings),
        };

        if (addr_parse(settings->listen, &w.address) < 0)
                w.address.n = 0;
        return w;
}

/* Those of pools that take another one's listeners, and of the others; not of all, since to look for one user among
 * thousands takes longer than all else that is done for a pool that stays. */
static void reload_find_users(const struct master *m, const struct plan *plan, struct plan_running *running,
                              struct plan_wanted *wanted) {
        for (size_t i = 0; i < m->reload.conf->n_pools; i++) {
                size_t at = plan->of_wanted[i], from;

                if (at == PLAN_NO_STEP || plan->steps[at].listeners != PLAN_LISTENERS_TAKEN)
                        continue;
                from = plan->steps[at].from;
                wanted[i].uid = reload_user(m, &m->reload.conf->pools[i]);
                running[from].uid = reload_user(m, reload_settings(m->pools[from]->pool));
        }
}

/* 0; PLAN_E_REFUSED, told in problems; -ENOMEM. */
static int reload_plan(struct master *m, const struct plan_scope *scope, struct plan *ret, struct text *problems) {
        size_t n_wanted = m->reload.conf->n_pools;
        _cleanup_free_ struct plan_running *running = calloc(m->n_pools + 1, sizeof(*running));
        _cleanup_free_ struct plan_wanted *wanted = calloc(n_wanted + 1, sizeof(*wanted));
        struct plan_input in = { .running = running,
                                 .n_running = m->n_pools,
                                 .wanted = wanted,
                                 .n_wanted = n_wanted,
                                 .scope = *scope,
                                 .activated = m->inherited.n > 0 };
        int r;

        if (!running || !wanted)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_pools; i++)
                running[i] = reload_picture(m, m->pools[i]);
        for (size_t i = 0; i < n_wanted; i++)
                wanted[i] = reload_wish(m, &m->reload.conf->pools[i]);
        r = plan_make(&in, ret, problems);
        if (r != 0)
                return r;
        reload_find_users(m, ret, running, wanted);
        return plan_check_heirs(&in, ret, problems);
}

/* The lines of a reload in a log that goes by php-fpm's name. There the program executes itself anew, with all its
 * sockets; here its zygotes are, under the same command line. */
static void reload_log_begun(const struct master *m) {
        _cleanup_text_ struct text arguments = {};
        char *const *argv = m->options->arguments;

        if (!program_is_php_fpm())
                return;
        for (size_t i = 0; argv[i]; i++)
                text_printf(&arguments, "%s\"%s\"", i > 0 ? ", " : "", argv[i]);
        log_notice("reloading: execvp(\"%s\", {%s})", argv[0], text_peek(&arguments));
}

/* As a program that is about to start anew: at the level that is to hold, and on stderr too. */
static void reload_log_sockets(const struct master *m) {
        if (!program_is_php_fpm())
                return;
        log_set_level(m->reload.conf->global.log_level);
        if (!m->daemonized && m->logs.stderr_fd >= 0)
                logs_add_stderr(m->logs.stderr_fd);
        for (size_t i = 0; i < m->n_pools; i++) {
                if (m->pools[i]->state == STATE_POOL_LEAVES)
                        continue;
                listen_set_log(m->pools[i]->listeners);
                statuspage_log_inherited(m->pools[i]->status);
        }
}

static void reload_log_done(const struct master *m) {
        if (!program_is_php_fpm())
                return;
        log_notice("fpm is running, pid %d", getpid());
        log_notice("ready to handle connections");
        notify_log_interval(m);
}

/* Starts the new generations. 0; LISTEN_E_PROBLEM, told in problems; -errno. */
static int reload_try(struct master *m, const struct plan_scope *scope, struct text *problems) {
        _cleanup_plan_ struct plan plan = {};
        int r;

        reload_log_sockets(m);
        m->logs.old_file_fd = m->logs.file_fd;
        r = logs_open(m, m->reload.conf, problems);
        if (r != 0) {
                m->logs.file_fd = -1; /* undo closes the new one, and there is none */
                return r;
        }
        logs_apply(m, m->reload.conf);
        m->env.control_timeout = m->reload.conf->global.process_control_timeout;
        m->env.process_max = m->reload.conf->global.process_max;
        makeroom_set(m, m->reload.conf);
        pools_apply(m, m->reload.conf);
        memory_look(m, m->reload.conf);

        r = reload_plan(m, scope, &plan, problems);
        return r == 0 ? apply_begin(m, &plan, problems) : r;
}

/* Reads the configuration, and looks which of its pools are asked for. 0; WISHES_E_NONE; LISTEN_E_PROBLEM, told in
 * problems; -errno. */
static int reload_load(struct master *m, const struct wishes *wishes, struct text *problems) {
        const struct conf_options options = options_for_conf(m->options);
        _cleanup_text_ struct text names = {};
        _cleanup_conf_ struct conf *conf = NULL;
        struct plan_scope scope;
        int r;

        r = conf_load(m->options->conf_name, &options, &conf, problems);
        if (r != 0)
                return r < 0 ? r : LISTEN_E_PROBLEM;
        r = wishes_sort(m, wishes, conf, &names, &scope);
        if (r == 0)
                r = absent_leave_again(conf, m->conf, scope.names);
        if (r != 0)
                return r;
        m->reload.conf = TAKE_PTR(conf);
        return reload_try(m, &scope, problems);
}

void reload_begin(struct master *m) {
        _cleanup_wishes_ struct wishes wishes = wishes_take(m);
        _cleanup_text_ struct text problems = {};
        int r;

        m->state = STATE_RELOADING;
        control_reload_begun(m);
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_NOTICE, .event = LOG_EVENT_RELOAD_BEGUN, .message = "Reloading in progress ..." });
        log_debug("switching to 'reloading' state");
        reload_log_begun(m);
        notify_reloading(m);

        account_remember();
        trusted_remember();
        r = reload_load(m, &wishes, &problems);
        account_forget();
        trusted_forget();
        if (r < 0)
                text_printf(&problems, "reload failed: %s\n", strerror(-r));
        if (r != 0)
                reload_refuse(m, r == WISHES_E_NONE ? "" : text_peek(&problems));
        else
                reload_advance(m); /* where no pool is renewed, nothing else would end it */
}

/* It is over for all pools. */
static void reload_finish(struct master *m) {
        _cleanup_text_ struct text summary = {}, remarks = {};

        summary_write(m, &summary);
        summary_write_remarks(m, &remarks);
        batches_end(m);
        malloc_trim(0); /* settings of thousands of pools lay between what stays */
        m->state = STATE_RUNNING;
        log_write(&(struct log_entry){
                .level = log_level_own(), .event = LOG_EVENT_RELOAD_DONE, .message = text_peek(&summary) });
        if (remarks.n > 0)
                text_printf(&summary, "\n%.*s", (int)remarks.n - 1, text_peek(&remarks));
        reload_remember(m, IPC_CONTROL_OUTCOME_DONE, text_peek(&summary));
        if (!program_is_php_fpm())
                logs_tell_remarks(m->conf);
        absent_log(m->conf);
        spare_log(&m->inherited);
        if (m->pid_path)
                pidfile_restore(m->pid_path);
        reload_log_done(m);
        notify_ready(m);
        control_reload_ended(m, true, text_peek(&summary));
}

/* Its settings hold. Pools that go in batches get them from now on. */
static void reload_commit(struct master *m) {
        bool all;

        summary_collect(m);
        m->reload.n_renewed = apply_commit(m, &all);
        m->reload.in_part = !all;

        keep_update(m);
        logs_replaced(m, m->logs.old_file_fd);
        m->logs.old_file_fd = -1;
        conf_free(m->conf);
        m->conf = TAKE_PTR(m->reload.conf);
        text_append_lines_once(&m->reload.remarks, "warning: ", pools_compare_sockets(m));
        attributes_set_priority(NULL, m->conf->global.process_priority);
        m->state = STATE_RENEWING;
        if (batches_renew(m))
                reload_finish(m);
        if (m->logs.reopen_pending)
                logs_reopen(m);
}

void reload_advance(struct master *m) {
        _cleanup_text_ struct text problems = {};
        bool failed = false, waiting = time_now() < m->reload.not_before;

        if (m->state == STATE_RENEWING) {
                if (batches_renew(m))
                        reload_finish(m);
                return;
        }
        batches_try(m);
        for (size_t i = 0; i < m->n_pools; i++) {
                const struct master_pool *mp = m->pools[i];
                const char *why;

                if (mp->state != STATE_POOL_RENEWS)
                        continue;
                why = pool_failure(mp->pool);
                if (why) {
                        text_printf(&problems, "pool '%s': %s\n", mp->pool->name, why);
                        failed = true;
                } else if (!pool_is_ready(mp->pool))
                        waiting = true;
        }
        if (failed)
                reload_refuse(m, text_peek(&problems));
        else if (!waiting)
                reload_commit(m);
}
