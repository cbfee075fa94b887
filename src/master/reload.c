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

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/diff.h"
#include "conn/allow.h"
#include "log/log.h"
#include "master/master.h"
#include "master/vacate.h"
#include "pool/attributes.h"

static bool names_have(const char *names, const char *name) {
        size_t n = strlen(name);

        for (const char *p = names; *p;) {
                size_t k = strcspn(p, "\n");

                if (k == n && memcmp(p, name, n) == 0)
                        return true;
                p += k + (p[k] == '\n');
        }
        return false;
}

static void reload_remember(struct master *m, enum ipc_control_outcome outcome, const char *text) {
        m->reload_outcome = outcome;
        m->reload_wall = time_wall();
        free(m->reload_text);
        m->reload_text = strdup(text);
}

static void reload_log_lines(enum log_level level, enum log_event event, const char *head, const char *lines) {
        for (const char *p = lines; *p;) {
                size_t k = strcspn(p, "\n");
                _cleanup_text_ struct text message = {};

                text_append(&message, head);
                text_append_n(&message, p, k);
                log_write(&(struct log_entry){ .level = level, .event = event, .message = text_peek(&message) });
                p += k + (p[k] == '\n');
        }
}

/* Takes back everything the attempt has done. */
static void reload_undo(struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];

                if (mp->renewed)
                        pool_abandon(mp->pool);
                if (mp->added) {
                        mp->leaving = true;
                        pool_stop(mp->pool, true);
                }
                listen_set_free(mp->next_listeners);
                mp->next_listeners = NULL;
                statuspage_free(mp->next_status);
                mp->next_status = NULL;
                mp->renewed = mp->added = mp->dropped = false;
        }
        if (m->next_conf) {
                int fd = m->log_file_fd;

                m->log_file_fd = m->old_log_file_fd;
                m->env.control_timeout = m->conf->global.process_control_timeout;
                m->env.process_max = m->conf->global.process_max;
                master_count_files(m, m->conf);
                logs_apply(m, m->conf);
                fd_close(fd);
                conf_free(m->next_conf);
                m->next_conf = NULL;
        }
}

static void reload_refuse(struct master *m, const char *reason) {
        reload_undo(m);
        m->state = MASTER_RUNNING;
        reload_remember(m, IPC_CONTROL_OUTCOME_REFUSED, reason);
        reload_log_lines(LOG_LEVEL_ERROR, LOG_EVENT_RELOAD_REFUSED,
                         "reload refused, everything stays as it was: ", reason);
        notify_ready(m);
        control_reload_ended(m, false, reason);
        if (m->reopen_pending)
                logs_reopen(m);
}

/* The pool that leaves the address to another one in this reload. */
static struct master_pool *reload_find_leaver(struct master *m, const char *listen) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->moves && listen_is_at(m->pools[i]->listeners, listen))
                        return m->pools[i];
        return NULL;
}

static int reload_open(struct master *m, const struct conf_pool *settings, struct listen_set **ret,
                       struct text *problems) {
        _cleanup_(listen_set_freep) struct listen_set *set = NULL;
        const struct master_pool *leaver = reload_find_leaver(m, settings->listen);
        struct inherited none = {};
        int r;

        if (!leaver)
                return listen_open(&none, settings, ret, problems);
        r = listen_share(leaver->listeners, settings, &set);
        if (r == 0)
                r = listen_add_shards(set, settings, problems);
        if (r == 0)
                *ret = TAKE_PTR(set);
        return r;
}

static int reload_listeners(struct master *m, const struct conf_pool *settings, struct master_pool **ret,
                            struct text *problems) {
        struct master_pool *mp = master_find(m, settings->name);
        struct listen_set *set = NULL;
        int r;

        if (mp && mp->leaving) {
                text_printf(problems, "the pool '%s' is still ending; try again\n", settings->name);
                return LISTEN_E_PROBLEM;
        }
        *ret = mp;
        if (mp && !mp->moves) {
                r = mp->listeners->inherited ? 0 : unixsocket_check_names(settings, problems);
                return r != 0 ? r : listen_add_shards(mp->listeners, settings, problems);
        }
        if (text_equal(settings->listen, "systemd") || (!mp && m->inherited.n > 0)) {
                text_printf(problems,
                            "the pool '%s' (listen = %s) has no socket: the service manager passes sockets only at a "
                            "start\n",
                            settings->name, settings->listen);
                return LISTEN_E_PROBLEM;
        }
        r = reload_open(m, settings, &set, problems);
        if (r != 0)
                return r;
        if (mp) {
                mp->next_listeners = set;
                return 0;
        }
        r = master_add_pool(m, settings->name, set, ret);
        if (r < 0)
                listen_set_free(set);
        else
                (*ret)->added = true;
        return r;
}

/* The page stays where its address does. */
static int reload_status(struct master *m, struct master_pool *mp, const struct conf_pool *settings,
                         struct text *problems) {
        struct inherited none = {};

        if (!settings->status_listen || text_equal(settings->status_listen, statuspage_address(mp->status)))
                return 0;
        return master_open_status(m, &none, mp, settings, &mp->next_status, problems);
}

static void reload_commit_status(struct master_pool *mp, const struct conf_pool *settings) {
        if (settings && text_equal(settings->status_listen, statuspage_address(mp->status)))
                return;
        statuspage_free(mp->status);
        mp->status = TAKE_PTR(mp->next_status);
}

static int reload_start_pool(struct master *m, const struct conf_pool *settings, struct text *problems) {
        const struct listen_set *set;
        struct pool_listeners listeners;
        struct master_pool *mp;
        int r;

        r = reload_listeners(m, settings, &mp, problems);
        if (r != 0)
                return r;
        set = mp->next_listeners ? mp->next_listeners : mp->listeners;
        listeners = (struct pool_listeners){ .fds = set->fds, .n = set->n };
        r = reload_status(m, mp, settings, problems);
        if (r != 0)
                return r;
        mp->renewed = true;
        r = pool_start_generation(mp->pool, m->next_conf, settings, &listeners);
        if (r < 0) {
                text_printf(problems, "pool '%s': cannot start its zygote: %s\n", settings->name, strerror(-r));
                return LISTEN_E_PROBLEM;
        }
        return 0;
}

/* Pools that the configuration has no more. One that is to go must not leave an activated socket behind that nobody
 * serves. */
static int reload_drop_pools(struct master *m, struct text *problems) {
        int r = 0;

        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];

                mp->dropped = !mp->leaving && !conf_find_pool(m->next_conf, mp->pool->name);
                if (!mp->dropped || !mp->listeners->inherited)
                        continue;
                text_printf(problems,
                            "the pool '%s' is gone from the configuration, but its socket is the service manager's: "
                            "stop the socket "
                            "unit and restart the service\n",
                            mp->pool->name);
                r = LISTEN_E_PROBLEM;
        }
        return r;
}

/* Which pools a reload is for. */
struct reload_scope {
        bool all;
        bool changed;
        const char *names; /* one a line */
};

/* Whether what a pool runs with is not what the file now says, wherever in it that stands. Global settings count:
 * zygotes and workers have them. */
static bool reload_has_changed(struct master *m, const struct conf_pool *settings) {
        const struct master_pool *mp = master_find(m, settings->name);
        const struct generation *g = mp ? mp->pool->current : NULL;
        _cleanup_text_ struct text names = {};

        return !g || !conf_diff_pool_equal(g->conf, settings) ||
               conf_diff_global(&g->settings->global, &m->next_conf->global, CONF_APPLIES_RELOAD, &names) > 0;
}

static bool reload_is_for(struct master *m, const struct reload_scope *scope, const struct conf_pool *settings) {
        return scope->all || names_have(scope->names, settings->name) ||
               (scope->changed && reload_has_changed(m, settings));
}

static void reload_find_moves(struct master *m, const struct reload_scope *scope) {
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];
                const struct conf_pool *settings = conf_find_pool(m->next_conf, mp->pool->name);

                mp->moves =
                        !mp->leaving && !mp->listeners->inherited &&
                        (settings ? reload_is_for(m, scope, settings) && !listen_is_at(mp->listeners, settings->listen)
                                  : mp->dropped);
        }
}

static int reload_check_names(const struct master *m, const char *names, struct text *problems) {
        int r = 0;

        for (const char *p = names; *p;) {
                size_t k = strcspn(p, "\n");
                char name[256];

                text_copy(name, sizeof(name), p, k);
                if (!conf_find_pool(m->next_conf, name)) {
                        text_printf(problems, "there is no pool '%s' in the configuration\n", name);
                        r = LISTEN_E_PROBLEM;
                }
                p += k + (p[k] == '\n');
        }
        return r;
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

static void reload_log_sockets(const struct master *m) {
        for (size_t i = 0; i < m->n_pools && program_is_php_fpm(); i++) {
                if (m->pools[i]->leaving)
                        continue;
                listen_log_inherited(m->pools[i]->listeners);
                statuspage_log_inherited(m->pools[i]->status);
        }
}

static void reload_log_done(const struct master *m) {
        if (!program_is_php_fpm())
                return;
        log_notice("fpm is running, pid %d", getpid());
        log_notice("ready to handle connections");
        master_log_monitor(m);
}

/* Reads the configuration and starts the new generations. 0; LISTEN_E_PROBLEM, told in problems; -errno. */
static int reload_try(struct master *m, const struct reload_scope *scope, struct text *problems) {
        const struct conf_options options = options_for_conf(m->options);
        int r;

        r = conf_load(m->options->conf_name, &options, &m->next_conf, problems);
        if (r != 0)
                return r < 0 ? r : LISTEN_E_PROBLEM;
        reload_log_sockets(m);
        m->old_log_file_fd = m->log_file_fd;
        r = logs_open(m, m->next_conf, problems);
        if (r != 0) {
                m->log_file_fd = -1; /* undo closes the new one, and there is none */
                return r;
        }
        logs_apply(m, m->next_conf);
        m->env.control_timeout = m->next_conf->global.process_control_timeout;
        m->env.process_max = m->next_conf->global.process_max;
        master_count_files(m, m->next_conf);

        r = reload_check_names(m, scope->all ? "" : scope->names, problems);
        if (r == 0 && (scope->all || scope->changed))
                r = reload_drop_pools(m, problems);
        reload_find_moves(m, scope);
        for (size_t i = 0; i < m->next_conf->n_pools && r == 0; i++)
                if (reload_is_for(m, scope, &m->next_conf->pools[i]))
                        r = reload_start_pool(m, &m->next_conf->pools[i], problems);
        return r;
}

static void reload_ask(struct master *m) {
        m->reload_pending = true;
        if (m->state == MASTER_RELOADING || !master_is_settled(m))
                log_own("reload waits until %s", m->state == MASTER_STARTING
                                                         ? "the start is complete"
                                                         : "the previous generation has finished its requests");
        master_advance(m);
}

void reload_request(struct master *m, const char *names) {
        if (m->state == MASTER_STOPPING)
                return;
        if (!*names)
                m->reload_pending_all = true;
        text_append(&m->reload_names, names);
        reload_ask(m);
}

void reload_request_changed(struct master *m) {
        if (m->state == MASTER_STOPPING)
                return;
        m->reload_pending_changed = true;
        reload_ask(m);
}

void reload_begin_pending(struct master *m) {
        _cleanup_text_ struct text problems = {}, names = m->reload_names;
        struct reload_scope scope = { .all = m->reload_pending_all, .changed = m->reload_pending_changed };
        int r;

        scope.names = text_peek(&names);
        m->reload_names = (struct text){};
        m->reload_pending = m->reload_pending_all = m->reload_pending_changed = false;
        m->state = MASTER_RELOADING;
        control_reload_begun(m);
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_NOTICE, .event = LOG_EVENT_RELOAD_BEGUN, .message = "Reloading in progress ..." });
        log_debug("switching to 'reloading' state");
        reload_log_begun(m);
        notify_reloading(m);

        r = reload_try(m, &scope, &problems);
        if (r < 0)
                text_printf(&problems, "reload failed: %s\n", strerror(-r));
        if (r != 0)
                reload_refuse(m, text_peek(&problems));
        else
                reload_advance(m); /* where no pool is renewed, nothing else would end it */
}

/* Who may connect to an address that the pool has had up to now. */
static void reload_allowed(const struct pool *p, struct allow *ret) {
        int r = allow_parse((p->current ?: p->wanted)->conf->listen_allowed_clients, ret, NULL);

        if (r < 0) {
                log_error("[pool %s] cannot tell who may connect, so nobody may over TCP: %s", p->name, strerror(-r));
                ret->restricts = true;
        }
}

static void reload_commit(struct master *m) {
        _cleanup_text_ struct text summary = {};
        bool all = true;
        size_t n = 0;

        for (size_t i = 0; i < m->n_pools; i++) /* before any set of the old is closed */
                if (!m->pools[i]->leaving)      /* the sets of refused reloads stay what they are */
                        listen_commit_shared(m->pools[i]->next_listeners ?: m->pools[i]->listeners);
        for (size_t i = 0; i < m->n_pools; i++) {
                struct master_pool *mp = m->pools[i];
                _cleanup_allow_ struct allow allow = {};
                bool vacates;

                if (mp->leaving)
                        continue;
                vacates = mp->moves && !mp->listeners->passed_on;
                if (vacates) {
                        reload_allowed(mp->pool, &allow); /* its settings may be gone when the next ones hold */
                        vacate_queues(mp->listeners, &allow, mp->pool);
                }
                if (mp->moves && !vacates)
                        pool_relay(mp->pool, mp->dropped);
                if (mp->dropped) {
                        mp->leaving = true;
                        mp->dropped = false;
                        reload_commit_status(mp, NULL);
                        if (vacates) {
                                pool_leave_listeners(mp->pool);
                                vacate_shut(mp->listeners, &allow, mp->pool);
                        }
                        pool_stop(mp->pool, false);
                        continue;
                }
                if (!mp->renewed) {
                        all = false;
                        continue;
                }
                pool_promote(mp->pool);
                if (vacates)
                        vacate_shut(mp->listeners, &allow, mp->pool);
                reload_commit_status(mp, conf_find_pool(m->next_conf, mp->pool->name));
                if (mp->next_listeners) {
                        listen_set_free(mp->listeners);
                        mp->listeners = TAKE_PTR(mp->next_listeners);
                }
                listen_commit_shards(mp->listeners, conf_find_pool(m->next_conf, mp->pool->name));
                listen_commit_backlog(mp->listeners, conf_find_pool(m->next_conf, mp->pool->name));
                mp->renewed = mp->added = false;
                n++;
        }
        logs_replaced(m, m->old_log_file_fd);
        m->old_log_file_fd = -1;
        conf_free(m->conf);
        m->conf = TAKE_PTR(m->next_conf);
        attributes_set_priority(NULL, m->conf->global.process_priority);
        m->state = MASTER_RUNNING;

        if (n == 0)
                text_append(&summary, "reload done, no pool's settings have changed");
        else
                text_printf(&summary, "%s%zu pool%s renewed", all ? "reload done, " : "reload done in part, ", n,
                            n == 1 ? "" : "s");
        reload_remember(m, IPC_CONTROL_OUTCOME_DONE, text_peek(&summary));
        log_write(&(struct log_entry){
                .level = log_level_own(), .event = LOG_EVENT_RELOAD_DONE, .message = text_peek(&summary) });
        reload_log_done(m);
        notify_ready(m);
        control_reload_ended(m, true, text_peek(&summary));
        if (m->reopen_pending)
                logs_reopen(m);
}

void reload_advance(struct master *m) {
        _cleanup_text_ struct text problems = {};
        bool failed = false, waiting = false;

        for (size_t i = 0; i < m->n_pools; i++) {
                const struct master_pool *mp = m->pools[i];
                const struct generation *g = mp->pool->starting;

                if (!mp->renewed)
                        continue;
                if (!g || g->state == GENERATION_FAILED || g->state == GENERATION_ENDING) {
                        text_printf(&problems, "pool '%s': %s\n", mp->pool->name,
                                    g && g->reason ? g->reason : "the zygote is gone");
                        failed = true;
                } else if (g->state != GENERATION_ACCEPTING)
                        waiting = true;
        }
        if (failed)
                reload_refuse(m, text_peek(&problems));
        else if (!waiting)
                reload_commit(m);
}
