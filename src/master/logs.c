/* SPDX-License-Identifier: MIT */
/*
 * Where log entries go: the journal with fields when stderr is connected to it, the file of error_log when one is
 * named, else stderr. Zygotes and workers inherit the descriptors; an unprivileged worker could not open the file by
 * itself.
 */

#include "master/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "conf/dump.h"
#include "conf/lines.h"
#include "ipc/message.h"
#include "log/file.h"
#include "log/log.h"
#include "log/out.h"
#include "master/daemon.h"
#include "pool/losses.h"
#include "pool/slowlog.h"

/* Bytes of each log's entries that wait for their reader. */
#define LOGS_QUEUE (1024U * 1024U)

/* At the end: for a reader that takes nothing, and in all. */
#define LOGS_LAST_PATIENCE (5 * USEC_PER_SEC)
#define LOGS_LAST_LIMIT    (10 * USEC_PER_SEC)

static _Atomic uint64_t logs_lost[_LOG_KIND_MAX];

/* error_log = syslog: on a machine with systemd that is the journal, else syslog's own socket. In the background there
 * is no stderr to fall back to. */
static bool logs_to_syslog(const struct master *m, const struct conf *conf) {
        return text_equal(conf->global.error_log, "syslog") || (m->daemonized && !conf->global.error_log);
}

/* Asked for with -O, or somebody sits at the terminal: then error_log is not used, as with php-fpm. */
static bool logs_prefer_stderr(const struct master *m) {
        return !m->daemonized && (m->options->force_stderr || isatty(STDERR_FILENO));
}

int logs_open(struct master *m, const struct conf *conf, struct text *problems) {
        int fd = -1;

        if (conf->global.error_log && !logs_to_syslog(m, conf)) {
                fd = log_file_open(conf->global.error_log);
                if (fd < 0) {
                        const struct conf_where *where = &conf->global.given[CONF_GLOBAL_error_log];

                        text_printf(problems, "[%s:%u] directive 'error_log': failed to open error_log (%s): %s (%d)\n",
                                    where->file ?: "-", where->line, conf->global.error_log, strerror(-fd), -fd);
                        return LISTEN_E_PROBLEM;
                }
        }
        m->logs.file_fd = fd;
        return 0;
}

void logs_apply(struct master *m, const struct conf *conf) {
        bool prefer_stderr = logs_prefer_stderr(m);
        bool journal = log_stderr_is_journal() || (logs_to_syslog(m, conf) && !prefer_stderr);
        int file = prefer_stderr ? -1 : m->logs.file_fd;

        if (journal && m->env.journal_fd < 0)
                m->env.journal_fd = log_stderr_is_journal() ? log_open_journal() : log_open_syslog();
        if (m->logs.stderr_fd < 0 && (!m->daemonized || m->daemon_fd >= 0))
                m->logs.stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        m->env.log_level = conf->global.log_level;
        m->env.log_fd = file;
        if (file < 0 && m->env.journal_fd < 0 && !m->daemonized)
                m->env.log_fd = m->logs.stderr_fd;
        log_init(&(struct log_setup){
                .identity = { .ident = conf->global.syslog_ident, .facility = conf->global.syslog_facility },
                .journal_fd = m->env.journal_fd,
                .file_fd = file,
                .to_stderr = prefer_stderr || (file < 0 && m->env.journal_fd < 0),
                .level = m->env.log_level });
}

void logs_write_lines(enum log_level usual, const char *lines) {
        const char *p;
        size_t n;

        for (enum log_level level = usual; conf_lines_next(&lines, &level, &p, &n); level = usual) {
                _cleanup_text_ struct text line = {};

                text_append_n(&line, p, n);
                log_write(&(struct log_entry){ .level = level,
                                               .event = level >= LOG_LEVEL_ERROR ? LOG_EVENT_CONFIG_ERROR
                                                                                 : LOG_EVENT_NONE,
                                               .message = text_peek(&line) });
        }
}

void logs_tell_remarks(const struct conf *conf) {
        _cleanup_text_ struct text lines = {};

        conf_dump_ignored(conf, &lines);
        logs_write_lines(log_level_own(), text_peek(&lines));
        for (char *const *notice = conf->notices; notice && *notice; notice++)
                logs_write_lines(log_level_own(), *notice);
}

/* Until it has started, php-fpm up to 8.3 writes to both the log and stderr without a look. */
void logs_add_stderr(int fd) {
        log_add_stderr(fd, program_is_php_fpm() && FPMD_PHP_VERSION_ID < 80400);
}

/* php-fpm's line has no pool, and is there once for all. */
static void logs_tell_access(const struct pool *p, bool *told) {
        if (program_is_php_fpm() && *told)
                return;
        *told = true;
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE,
                                       .pool = program_is_php_fpm() ? NULL : p->name,
                                       .message = "access log file re-opened" });
}

void logs_replaced(struct master *m, int old) {
        if (m->daemonized) {
                (void)daemon_leave_stderr(m->logs.file_fd);
                loader_renew(&m->loader, m->loader.wanted); /* its zygotes would have the old one as their stderr */
        }
        fd_close(old);
}

static bool logs_has_access(const struct pool *p) {
        const struct generation *g = picture_settings(p);

        return g && g->conf->access_log;
}

static void logs_renew_pools(struct master *m) {
        bool error_log = m->logs.file_fd >= 0 && m->env.log_fd == m->logs.file_fd;

        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;

                if (error_log || logs_has_access(p))
                        pool_renew_log(p);
                slowlog_reopen(p);
        }
}

/* logrotate's signal: the file is opened anew; zygotes get it for the workers they fork from now on, and workers that
 * have the old one are recycled, each when it is between two requests. It is said when all have been told. */
void logs_reopen(struct master *m) {
        _cleanup_text_ struct text problems = {};
        int old = m->logs.file_fd;
        bool told = false;

        if (m->state == STATE_RELOADING) { /* which file it will be is being decided */
                m->logs.reopen_pending = true;
                return;
        }
        m->logs.reopen_pending = false;
        if (logs_open(m, m->conf, &problems) != 0) {
                m->logs.file_fd = old;
                log_error("log file stays as it is: %s", text_peek(&problems));
                return;
        }
        logs_apply(m, m->conf);
        logs_replaced(m, old);
        logs_renew_pools(m);
        log_notice("error log file re-opened");
        for (size_t i = 0; i < m->n_pools; i++)
                if (logs_has_access(m->pools[i]->pool))
                        logs_tell_access(m->pools[i]->pool, &told);
}

static int logs_on_timer(sd_event_source *s, _unused_ uint64_t usec, _unused_ void *userdata) {
        if (!log_out_flush())
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);
        return sd_event_source_set_time(s, time_now() + LOG_OUT_PERIOD);
}

/* After each event: sees to the entries that nobody took at once. */
static int logs_on_post(_unused_ sd_event_source *s, void *userdata) {
        struct master *m = userdata;
        int enabled, r;

        if (!log_out_is_waiting() || (sd_event_source_get_enabled(m->logs.timer, &enabled) >= 0 && enabled))
                return 0;
        r = sd_event_source_set_time(m->logs.timer, time_now() + LOG_OUT_PERIOD);
        return r < 0 ? r : sd_event_source_set_enabled(m->logs.timer, SD_EVENT_ONESHOT);
}

int logs_attach(struct master *m) {
        int r;

        log_out_init(0, LOGS_QUEUE, logs_lost);
        r = sd_event_add_time(m->event, &m->logs.timer, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC, logs_on_timer,
                              m);
        if (r < 0)
                return r;
        sd_event_source_set_description(m->logs.timer, "log-queue");
        r = sd_event_source_set_enabled(m->logs.timer, SD_EVENT_OFF);
        return r < 0 ? r : sd_event_add_post(m->event, &m->logs.post, logs_on_post, m);
}

void logs_tell_losses(void) {
        static uint64_t told;
        _cleanup_text_ struct text t = {};
        uint64_t lost = logs_lost[LOG_KIND_ERROR];

        if (lost == told || log_out_is_waiting())
                return;
        text_printf(&t, "%llu log entries of the master's were lost, as nobody took them and no more are kept",
                    (unsigned long long)(lost - told));
        log_write(&(struct log_entry){
                .level = LOG_LEVEL_WARNING, .event = LOG_EVENT_ENTRIES_LOST, .message = text_peek(&t) });
        told = lost;
}

void logs_finish(const struct master *m) {
        usec_t patience = MIN(m->conf->global.log_timeout, LOGS_LAST_PATIENCE);

        for (size_t i = 0; i < m->n_pools; i++)
                losses_look(m->pools[i]->pool, true);
        log_out_finish(patience, LOGS_LAST_LIMIT);
}
