/* SPDX-License-Identifier: MIT */
/* The master's states, and what moves it from one to the next; see master.h. */

#include "master/master.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "child/attributes.h"
#include "conf/conf.h"
#include "log/log.h"
#include "master/batches.h"
#include "master/clients.h"
#include "master/control.h"
#include "master/daemon.h"
#include "master/drain.h"
#include "master/exit.h"
#include "master/keep.h"
#include "master/makeroom.h"
#include "master/memory.h"
#include "master/notify.h"
#include "master/pidfile.h"
#include "master/pools.h"
#include "master/pressure.h"
#include "master/reload.h"
#include "master/wishes.h"
#include "pool/health.h"

static bool master_on_owns(pid_t pid, void *userdata) {
        return pools_own(userdata, pid);
}

static void master_on_ring(void *userdata) {
        pools_ring(userdata);
}

static void master_on_pool_changed(struct pool *pool, void *userdata) {
        if (pool)
                makeroom_on_change(userdata, pool);
        master_advance(userdata);
        pools_reap_strangers(userdata); /* one of ours may have stood in front of them */
}

/* A pidfd and two pipes per worker are more than the usual soft limit allows. PHP gets the limit that was there before:
 * select(2) needs it. */
static void master_raise_limits(struct master *m) {
        struct rlimit given;

        if (getrlimit(RLIMIT_NOFILE, &given) == 0)
                m->files_given = given.rlim_cur;
        attributes_set_limits(NULL, m->conf->global.rlimit_files, m->conf->global.rlimit_core);
        process_raise_files(RLIM_INFINITY, &m->env.files);
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
        m->wakes.lookout.fd = -1;
        m->control.fd = m->logs.file_fd = m->logs.old_file_fd = m->logs.stderr_fd = m->daemon_fd =
                m->memory.pressure_fd = -1;
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
                .patience = HEALTH_PATIENCE,
                .control_timeout = conf->global.process_control_timeout,
                .process_max = conf->global.process_max,
                .loader = &m->loader,
                .wakes = &m->wakes,
                .ration = &m->wakes.ration,
                .budget = &m->budget,
                .n_workers = &m->n_workers,
                .n_awaited = &m->n_awaited,
                .changed = master_on_pool_changed,
                .ring = master_on_ring,
                .owns = master_on_owns,
                .keep = clients_keep,
                .userdata = m,
        };
        loader_init(&m->loader, &m->env);
        makeroom_set(m, conf);
        master_raise_limits(m);
        attributes_set_priority(NULL, conf->global.process_priority);
        r = sd_event_new(&m->event);
        if (r < 0)
                return r;
        m->env.event = m->event;
        r = wake_init(&m->wakes, m->event, MAX(process_n_cpus(), 2U));
        if (r >= 0)
                r = makeroom_attach(m);
        if (r < 0)
                return r;
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
        keep_spare(m);
        while (m->n_pools > 0)
                pools_remove(m, m->n_pools - 1);
        free(m->pools);
        loader_done(&m->loader);
        wake_done(&m->wakes);
        makeroom_detach(m);
        pressure_detach(m);
        memory_detach(m);
        inherited_done(&m->inherited);
        store_list_done(&m->store.holds);
        sd_event_source_disable_unref(m->notify.tick);
        sd_event_source_disable_unref(m->notify.watchdog);
        sd_event_source_disable_unref(m->idle.source);
        sd_event_source_disable_unref(m->stop.timer);
        sd_event_source_disable_unref(m->logs.timer);
        sd_event_source_disable_unref(m->logs.post);
        sd_event_source_disable_unref(m->reload.deferred);
        sd_event_unref(m->event);
        conf_free(m->conf);
        conf_free(m->reload.conf);
        sd_event_source_disable_unref(m->reload.batch_timer);
        wishes_done(&m->reload.wishes);
        text_done(&m->reload.remarks);
        free(m->reload.text);
        free(m->socket_remarks);
        free(m->notify.status);
        fd_close(m->env.zygote_fd);
        fd_close(m->env.park_fd);
        fd_close(m->env.logger_fd);
        fd_close(m->env.journal_fd);
        fd_close(m->logs.file_fd);
        fd_close(m->logs.stderr_fd);
        fd_close(m->daemon_fd);
        free(m);
}

/* Forgets the pools that have left for good. */
static void master_forget_gone(struct master *m) {
        for (size_t i = 0; i < m->n_pools;)
                if (m->pools[i]->state == STATE_POOL_LEAVES && pool_is_gone(m->pools[i]->pool)) {
                        log_own("[pool %s] is gone", m->pools[i]->pool->name);
                        pools_remove(m, i);
                } else
                        i++;
}

static int master_on_forget(sd_event_source *s, void *userdata) {
        sd_event_source_unref(s);
        master_forget_gone(userdata);
        pools_reap_strangers(userdata);
        master_advance(userdata);
        return 0;
}

/* Later, when no callback of the pool is on the stack any more. */
static void master_forget_later(struct master *m) {
        sd_event_source *s;

        for (size_t i = 0; i < m->n_pools; i++)
                if (m->pools[i]->state == STATE_POOL_LEAVES && pool_is_gone(m->pools[i]->pool)) {
                        sd_event_add_defer(m->event, &s, master_on_forget, m);
                        return;
                }
}

static void master_log_failed_start(const struct pool *p, enum log_event event, const char *then) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "%s%s", p->starting->reason ?: "out of memory", then);
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_ERROR, .event = event, .pool = p->name, .message = text_peek(&message) });
}

/* Whether a pool has started, or may yet with its first try. One that is tried again, while others' first tries take
 * long, is no reason to go on. */
static bool master_has_hope(const struct pool *p) {
        return p->current || p->prepared ||
               (p->starts.n_failed == 0 && p->starting && p->starting->state != GENERATION_FAILED);
}

/* The last pool that could have served has failed. */
static void master_fail_start(struct master *m, const struct pool *p) {
        log_add_stderr(m->logs.stderr_fd, false);
        master_log_failed_start(p, LOG_EVENT_CONFIG_ERROR, "");
        m->exit_status = EXIT_SOFTWARE;
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

                if (!p->starting || p->starting_is_replacement || p->starting->state != GENERATION_FAILED)
                        continue;
                if (n_hopes == 0) {
                        master_fail_start(m, p);
                        return false;
                }
                master_log_failed_start(p, LOG_EVENT_POOL_DOWN,
                                        p->starting->trial ? "; it is tried again when a client comes"
                                                           : "; its clients wait, and it is tried again");
                pool_put_off(p);
        }
        return true;
}

static void master_advance_start(struct master *m) {
        if (!master_put_off_failed(m))
                return;
        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;

                if (pool_is_ready(p))
                        pool_promote(p);
        }
        for (size_t i = 0; i < m->n_pools; i++)
                if (!m->pools[i]->pool->current && !m->pools[i]->pool->wanted)
                        return;
        m->state = STATE_RUNNING;
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_NOTICE, .event = LOG_EVENT_STARTED, .message = "ready to handle connections" });
        notify_log_interval(m);
        notify_ready(m);
        if (m->daemonized)
                m->logs.stderr_fd = fd_close(m->logs.stderr_fd); /* the caller's: somebody may wait for its end */
        m->daemon_fd = daemon_up(m->daemon_fd);
}

static void master_advance_stop(struct master *m) {
        if (!pools_are_gone(m))
                return;
        log_notice("exiting, bye-bye!");
        sd_event_exit(m->event, m->exit_status);
}

void master_advance(struct master *m) {
        master_forget_later(m);
        switch (m->state) {
        case STATE_STARTING:
                master_advance_start(m);
                break;
        case STATE_RUNNING:
                break;
        case STATE_RELOADING:
        case STATE_RENEWING:
                reload_advance(m);
                break;
        case STATE_STOPPING:
                master_advance_stop(m);
                break;
        }
        if (m->state == STATE_RUNNING && m->reload.wishes.any && pools_are_settled(m))
                reload_begin(m);
        if (m->state == STATE_RUNNING && m->conf->n_pools == 0)
                master_stop(m, false); /* a reload has left all to units of their own */
}

bool master_is_stopping(const struct master *m) {
        return m->state == STATE_STOPPING || m->stop.step != STATE_STOP_NOT;
}

void master_stop(struct master *m, bool at_once) {
        if (m->state == STATE_STOPPING && !at_once)
                return;
        if (m->state == STATE_RELOADING || m->state == STATE_RENEWING)
                control_reload_ended(m, false, "the service is stopping");
        wishes_forgo(m);
        batches_end(m);
        m->state = STATE_STOPPING;
        loader_renew(&m->loader, false);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE,
                                       .event = LOG_EVENT_STOPPING,
                                       .message = at_once ? "Terminating ..." : "Finishing ..." });
        log_debug("switching to '%s' state", at_once ? "terminating" : "finishing");
        if (!at_once)
                clients_prepare(m);
        for (size_t i = 0; i < m->n_pools; i++) {
                if (!at_once && m->pools[i]->state != STATE_POOL_LEAVES)
                        drain_for_stop(m->pools[i]->listeners, m->pools[i]->pool);
                pool_stop(m->pools[i]->pool, at_once);
        }
        if (m->n_workers > 0)
                log_debug("%u child(ren) still alive", m->n_workers);
        notify_stopping(m);
        master_advance(m);
}

/* Asked for, and begun as soon as it can. */
static void master_begin_reload(struct master *m) {
        if (m->state == STATE_RELOADING || m->state == STATE_RENEWING || !pools_are_settled(m))
                log_own("reload waits until %s", m->state == STATE_STARTING
                                                         ? "the start is complete"
                                                         : "the previous generation has finished its requests");
        master_advance(m);
}

void master_reload(struct master *m, const char *names, uint64_t ticket) {
        if (master_is_stopping(m))
                return;
        wishes_add(m, names, ticket);
        master_begin_reload(m);
}

void master_reload_changed(struct master *m) {
        if (master_is_stopping(m))
                return;
        wishes_add_changed(m);
        master_begin_reload(m);
}
