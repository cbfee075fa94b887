/* SPDX-License-Identifier: MIT */
/* The master's picture and its states; see master.h. */

#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "base/nudge.h"
#include "base/program.h"
#include "base/text.h"
#include "base/title.h"
#include "log/log.h"
#include "master/daemon.h"
#include "master/pidfile.h"
#include "pool/attributes.h"
#include "pool/room.h"

/* A program of ours: beside this one in a build tree, else where it was installed. Kept open for as long as the master
 * lives. */
int master_open_program(const char *name) {
        char self[PATH_MAX], path[PATH_MAX + 32];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        int fd;

        if (n > 0) {
                char *slash;

                self[n] = '\0';
                slash = strrchr(self, '/');
                if (slash)
                        *slash = '\0';
                snprintf(path, sizeof(path), "%s/%s", self, name);
                fd = open(path, O_PATH | O_CLOEXEC);
                if (fd >= 0)
                        return fd;
        }
        snprintf(path, sizeof(path), "%s/%s", FPMD_LIBEXECDIR, name);
        fd = open(path, O_PATH | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static void master_on_pool_changed(_unused_ struct pool *pool, void *userdata) {
        master_advance(userdata);
        master_reap_strangers(userdata); /* one of ours may have stood in front of them */
}

static bool master_owns(pid_t pid, void *userdata) {
        const struct master *m = userdata;

        for (size_t i = 0; i < m->n_pools; i++)
                if (pool_owns(m->pools[i]->pool, pid))
                        return true;
        return false;
}

static void master_ring(void *userdata) {
        const struct master *m = userdata;
        _cleanup_nudge_ struct nudge nudge;
        int r = nudge_begin(&nudge);

        if (r < 0) {
                log_error("cannot ring doorbells: %s", strerror(-r));
                return;
        }
        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->state != MASTER_POOL_LEAVES)
                        pool_ring(m->pools[i]->pool);
}

/* A pidfd and two pipes per worker are more than the usual soft limit allows. PHP gets the limit that was there before:
 * select(2) needs it. */
static void master_raise_limits(struct master *m) {
        struct rlimit raised;

        attributes_set_limits(NULL, m->conf->global.rlimit_files, m->conf->global.rlimit_core);
        if (getrlimit(RLIMIT_NOFILE, &m->env.files) < 0)
                return;
        raised = (struct rlimit){ .rlim_cur = m->env.files.rlim_max, .rlim_max = m->env.files.rlim_max };
        setrlimit(RLIMIT_NOFILE, &raised);
}

int master_new(const struct options *options, struct conf *conf, struct master **ret) {
        _cleanup_(master_freep) struct master *m = calloc(1, sizeof(*m));
        int r;

        if (!m) {
                conf_free(conf);
                return -ENOMEM;
        }
        m->options = options;
        m->conf = conf;
        m->started = time_now();
        m->control_fd = m->log_file_fd = m->old_log_file_fd = m->stderr_fd = m->daemon_fd = -1;
        m->env = (struct pool_env){
                .zygote_fd = -1,
                .park_fd = -1,
                .logger_fd = -1,
                .php_ini = options->php_ini,
                .no_php_ini = options->no_php_ini,
                .extended_info = options->extended_info,
                .allow_root = options->allow_root,
                .php_defines = options->defines,
                .journal_fd = -1,
                .log_fd = -1,
                .control_timeout = conf->global.process_control_timeout,
                .process_max = conf->global.process_max,
                .n_workers = &m->n_workers,
                .n_awaited = &m->n_awaited,
                .changed = master_on_pool_changed,
                .ring = master_ring,
                .owns = master_owns,
                .userdata = m,
        };
        master_raise_limits(m);
        attributes_set_priority(NULL, conf->global.process_priority);
        r = sd_event_new(&m->event);
        if (r < 0)
                return r;
        m->env.event = m->event;
        *ret = TAKE_PTR(m);
        return 0;
}

void master_free(struct master *m) {
        if (!m)
                return;
        control_detach(m);
        if (m->pid_path)
                pidfile_remove(m->pid_path);
        free(m->pid_path);
        while (m->n_pools > 0)
                master_remove_pool(m, m->n_pools - 1);
        free(m->pools);
        inherited_done(&m->inherited);
        sd_event_source_disable_unref(m->tick);
        sd_event_source_disable_unref(m->watchdog);
        sd_event_source_disable_unref(m->log_timer);
        sd_event_source_disable_unref(m->log_post);
        sd_event_unref(m->event);
        conf_free(m->conf);
        conf_free(m->next_conf);
        text_done(&m->reload_names);
        free(m->reload_text);
        free(m->status);
        fd_close(m->env.zygote_fd);
        fd_close(m->env.park_fd);
        fd_close(m->env.logger_fd);
        fd_close(m->env.journal_fd);
        fd_close(m->log_file_fd);
        fd_close(m->stderr_fd);
        fd_close(m->daemon_fd);
        free(m);
}

struct master_pool *master_find(struct master *m, const char *name) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (text_equal(m->pools[i]->pool->name, name))
                        return m->pools[i];
        return NULL;
}

int master_add_pool(struct master *m, const char *name, struct listen_set *listeners, struct master_pool **ret) {
        struct master_pool *mp, **list;
        int r;

        list = reallocarray(m->pools, m->n_pools + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        m->pools = list;
        mp = calloc(1, sizeof(*mp));
        if (!mp)
                return -ENOMEM;
        r = pool_new(&m->env, name, &mp->pool);
        if (r < 0) {
                free(mp);
                return r;
        }
        mp->listeners = listeners;
        m->pools[m->n_pools++] = mp;
        *ret = mp;
        return 0;
}

void master_remove_pool(struct master *m, size_t i) {
        struct master_pool *mp = m->pools[i];

        statuspage_free(mp->status);
        statuspage_free(mp->next_status);
        pool_free(mp->pool);
        listen_set_free(mp->listeners);
        listen_set_free(mp->next_listeners);
        free(mp);
        m->pools[i] = m->pools[--m->n_pools];
}

bool master_is_settled(const struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (!pool_is_settled(m->pools[i]->pool))
                        return false;
        return true;
}

int master_open_status(struct master *m, struct inherited *inherited, struct master_pool *mp,
                       const struct conf_pool *settings, struct statuspage **ret, struct text *problems) {
        struct listen_set *set;
        int r = listen_open_status(inherited, settings, &set, problems);

        return r != 0 ? r : statuspage_new(m->event, mp->pool, set, ret);
}

static int master_start_pools(struct master *m, struct text *problems) {
        int result = 0;

        for (size_t i = 0; i < m->conf->n_pools; i++) {
                const struct conf_pool *settings = &m->conf->pools[i];
                struct listen_set *set = NULL;
                struct master_pool *mp;
                int r = listen_open(&m->inherited, settings, &set, problems);

                if (r == 0) {
                        r = master_add_pool(m, settings->name, set, &mp);
                        if (r < 0)
                                listen_set_free(set);
                }
                if (r == 0 && settings->status_listen)
                        r = master_open_status(m, &m->inherited, mp, settings, &mp->status, problems);
                if (r < 0)
                        return r;
                result = MAX(result, r);
        }
        if (inherited_check_claimed(&m->inherited, m->conf, problems) != 0)
                result = LISTEN_E_PROBLEM;
        handed_done(&m->inherited.handed);
        return result;
}

void master_count_files(struct master *m, const struct conf *conf) {
        if (m->n_files == 0) /* at the start: those of workers are not among them */
                m->n_files = MAX(fd_count_open(), 0);
        m->env.files_needed = room_needed(conf) + (unsigned)m->n_files;
}

static int master_start_generations(struct master *m, struct text *problems) {
        master_count_files(m, m->conf);
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

static void master_set_title(const struct master *m) {
        _cleanup_text_ struct text title = {};

        text_printf(&title, "%s: master process (%s)", program_name(), m->options->conf_name);
        title_set(text_peek(&title));
}

static int master_write_pid(struct master *m, struct text *problems) {
        const char *path = m->conf->global.pid;
        int r = path ? pidfile_write(path, problems) : 0;

        if (r == 0 && path)
                m->pid_path = strdup(path);
        return r != 0 ? LISTEN_E_PROBLEM : path && !m->pid_path ? -ENOMEM : 0;
}

/* 0, or -errno with the problem. */
static int master_open_programs(struct master *m, struct text *problems) {
        const struct {
                const char *name;
                int *fd;
        } rows[] = { { "fpmd-zygote", &m->env.zygote_fd },
                     { "fpmd-park", &m->env.park_fd },
                     { "fpmd-logger", &m->env.logger_fd } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                *rows[i].fd = master_open_program(rows[i].name);
                if (*rows[i].fd >= 0)
                        continue;
                text_printf(problems, "cannot find %s beside this program or in %s: %s\n", rows[i].name,
                            FPMD_LIBEXECDIR, strerror(-*rows[i].fd));
                return *rows[i].fd;
        }
        return 0;
}

static void master_log_ignored(const char *pool, const char *directive) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "'%s' directive is ignored when FPM is not running as root", directive);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .pool = pool, .message = text_peek(&message) });
}

/* Without root there is one user for all pools: this program's. Under php-fpm's name priorities are root's as well. */
static void master_log_all_ignored(const struct master *m) {
        bool php_fpm = program_is_php_fpm();

        if (geteuid() == 0)
                return;
        if (php_fpm && m->conf->global.process_priority != CONF_INT_UNSET)
                master_log_ignored(NULL, "process.priority");
        for (size_t i = 0; i < m->conf->n_pools; i++) {
                const struct conf_pool *pool = &m->conf->pools[i];
                struct account user;

                if (pool->user && (php_fpm || account_user(pool->user, &user) < 0 || user.uid != geteuid()))
                        master_log_ignored(pool->name, "user");
                if (pool->group && php_fpm)
                        master_log_ignored(pool->name, "group");
                if (php_fpm && pool->process_priority != CONF_INT_UNSET)
                        master_log_ignored(pool->name, "process.priority");
        }
}

int master_start(struct master *m, struct text *problems) {
        int r;

        r = master_open_programs(m, problems);
        if (r < 0)
                return r;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        master_log_all_ignored(m);
        r = inherited_take(&m->inherited, problems);
        if (r == 0)
                r = handed_take(&m->inherited.handed, problems);
        if (r == 0)
                r = master_start_pools(m, problems);
        if (r == 0)
                r = master_write_pid(m, problems);
        if (r == 0)
                r = signal_attach(m);
        if (r == 0)
                r = control_attach(m);
        if (r >= 0 && r != LISTEN_E_PROBLEM)
                r = notify_attach(m);
        if (r < 0 || r == LISTEN_E_PROBLEM)
                return r;

        master_set_title(m);
        log_notice("fpm is running, pid %d", getpid());
        notify_status(m, time_now());
        r = master_start_generations(m, problems);
        if (r == 0)
                master_advance(m); /* some may have failed already */
        return r;
}

/* What has left for good is forgotten. */
static void master_forget_gone(struct master *m) {
        for (size_t i = 0; i < m->n_pools;)
                if (m->pools[i]->state == MASTER_POOL_LEAVES && pool_is_gone(m->pools[i]->pool)) {
                        log_own("[pool %s] is gone", m->pools[i]->pool->name);
                        master_remove_pool(m, i);
                } else
                        i++;
}

static int master_on_forget(sd_event_source *s, void *userdata) {
        sd_event_source_unref(s);
        master_forget_gone(userdata);
        master_reap_strangers(userdata);
        master_advance(userdata);
        return 0;
}

/* Later, when no callback of the pool is on the stack any more. */
static void master_forget_later(struct master *m) {
        sd_event_source *s;

        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->state == MASTER_POOL_LEAVES && pool_is_gone(m->pools[i]->pool)) {
                        sd_event_add_defer(m->event, &s, master_on_forget, m);
                        return;
                }
}

void master_log_monitor(const struct master *m) {
        usec_t interval = m->conf->global.systemd_interval;

        if (!program_is_php_fpm())
                return;
        if (interval > 0)
                log_notice("systemd monitor interval set to %llums", (unsigned long long)(interval / USEC_PER_MSEC));
        else
                log_notice("systemd monitor disabled");
}

static void master_log_failed_start(const struct pool *p, enum log_event event, const char *then) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "%s%s", p->starting->reason ?: "out of memory", then);
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_ERROR, .event = event, .pool = p->name, .message = text_peek(&message) });
}

/* Whether a pool has started, or may yet with what it is at. */
static bool master_has_hope(const struct pool *p) {
        return p->current || (p->starting && p->starting->state != GENERATION_FAILED);
}

/* The last pool that could have served has failed. */
static void master_fail_start(struct master *m, const struct pool *p) {
        log_add_stderr(m->stderr_fd, false);
        master_log_failed_start(p, LOG_EVENT_CONFIG_ERROR, "");
        m->exit_status = MASTER_EXIT_SOFTWARE;
        sd_notifyf(0, "STATUS=Start failed: pool '%s': %s", p->name, p->starting->reason ?: "out of memory");
        master_stop(m, true);
}

/* A pool that does not start does not keep the others from serving, and is tried again. False: none is left that could.
 */
static bool master_put_off_failed(struct master *m) {
        size_t n_hopes = 0;

        for (size_t i = 0; i < m->n_pools; i++)
                n_hopes += master_has_hope(m->pools[i]->pool);
        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;

                if (!p->starting || p->starting->state != GENERATION_FAILED)
                        continue;
                if (n_hopes == 0) {
                        master_fail_start(m, p);
                        return false;
                }
                master_log_failed_start(p, LOG_EVENT_POOL_DOWN, "; its clients wait, and it is tried again");
                pool_put_off(p);
        }
        return true;
}

static void master_advance_start(struct master *m) {
        if (!master_put_off_failed(m))
                return;
        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;

                if (p->starting && p->starting->state == GENERATION_ACCEPTING)
                        pool_promote(p);
        }
        for (size_t i = 0; i < m->n_pools; i++)
                if (!m->pools[i]->pool->current && !m->pools[i]->pool->wanted)
                        return;
        m->state = MASTER_RUNNING;
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_NOTICE, .event = LOG_EVENT_STARTED, .message = "ready to handle connections" });
        master_log_monitor(m);
        notify_ready(m);
        if (m->daemonized)
                m->stderr_fd = fd_close(m->stderr_fd); /* the caller's: somebody may wait for its end */
        m->daemon_fd = daemon_up(m->daemon_fd);
}

static void master_advance_stop(struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++)
                if (!pool_is_gone(m->pools[i]->pool))
                        return;
        log_notice("exiting, bye-bye!");
        sd_event_exit(m->event, m->exit_status);
}

void master_advance(struct master *m) {
        master_forget_later(m);
        switch (m->state) {
        case MASTER_STARTING:
                master_advance_start(m);
                break;
        case MASTER_RUNNING:
                break;
        case MASTER_RELOADING:
                reload_advance(m);
                break;
        case MASTER_STOPPING:
                master_advance_stop(m);
                break;
        }
        if (m->state == MASTER_RUNNING && m->reload_pending && master_is_settled(m))
                reload_begin_pending(m);
}

void master_stop(struct master *m, bool at_once) {
        if (m->state == MASTER_STOPPING && !at_once)
                return;
        if (m->state == MASTER_RELOADING)
                control_reload_ended(m, false, "the service is stopping");
        m->state = MASTER_STOPPING;
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE,
                                       .event = LOG_EVENT_STOPPING,
                                       .message = at_once ? "Terminating ..." : "Finishing ..." });
        log_debug("switching to '%s' state", at_once ? "terminating" : "finishing");
        for (size_t i = 0; i < m->n_pools; i++)
                pool_stop(m->pools[i]->pool, at_once);
        if (m->n_workers > 0)
                log_debug("%u child(ren) still alive", m->n_workers);
        notify_stopping(m);
        master_advance(m);
}

/* The master is a subreaper: what a worker's children leave behind is reaped here. Our own are left to their event
 * sources: when one of them is first in line, this is called again after it has been dealt with. */
void master_reap_strangers(struct master *m) {
        for (;;) {
                siginfo_t info = {};

                if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
                    master_owns(info.si_pid, m))
                        return;
                waitpid(info.si_pid, NULL, WNOHANG);
        }
}
