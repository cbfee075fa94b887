/* SPDX-License-Identifier: MIT */
/*
 * Where log entries go: the journal with fields when stderr is connected to it, the file of error_log when one is named, else stderr. Zygotes and workers
 * inherit the descriptors; an unprivileged worker could not open the file by itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "ipc/message.h"
#include "log/file.h"
#include "log/log.h"
#include "master/daemon.h"
#include "master/master.h"

/* error_log = syslog: on a machine with systemd that is the journal. In the background there is no stderr to fall back to. */
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
        m->log_file_fd = fd;
        return 0;
}

void logs_apply(struct master *m, const struct conf *conf) {
        bool prefer_stderr = logs_prefer_stderr(m);
        bool journal = log_stderr_is_journal() || (logs_to_syslog(m, conf) && !prefer_stderr);
        int file = prefer_stderr ? -1 : m->log_file_fd;

        if (journal && m->env.journal_fd < 0)
                m->env.journal_fd = log_open_journal();
        if (m->stderr_fd < 0 && (!m->daemonized || m->daemon_fd >= 0))
                m->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        m->env.log_level = conf->global.log_level;
        m->env.log_fd = file;
        if (file < 0 && m->env.journal_fd < 0 && !m->daemonized)
                m->env.log_fd = m->stderr_fd;
        log_init(&(struct log_setup){
                .identity = { .ident = conf->global.syslog_ident, .facility = conf->global.syslog_facility },
                .journal_fd = m->env.journal_fd,
                .file_fd = file,
                .to_stderr = prefer_stderr || (file < 0 && m->env.journal_fd < 0),
                .level = m->env.log_level });
}

/* php-fpm's line has no pool. */
static void logs_tell_access(const struct pool *p) {
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE,
                                       .pool = program_is_php_fpm() ? NULL : p->name,
                                       .message = "access log file re-opened" });
}

void logs_replaced(struct master *m, int old) {
        if (m->daemonized)
                (void)daemon_leave_stderr(m->log_file_fd);
        fd_close(old);
}

/* logrotate's signal: the file is opened anew; zygotes get it for the workers they fork from now on, and workers that have the old one are
 * recycled, each when it is between two requests. */
void logs_reopen(struct master *m) {
        _cleanup_text_ struct text problems = {};
        int old = m->log_file_fd;

        if (m->state == MASTER_RELOADING) { /* which file it will be is being decided */
                m->reopen_pending = true;
                return;
        }
        m->reopen_pending = false;
        if (logs_open(m, m->conf, &problems) != 0) {
                m->log_file_fd = old;
                log_error("log file stays as it is: %s", text_peek(&problems));
                return;
        }
        logs_apply(m, m->conf);
        logs_replaced(m, old);
        log_notice("error log file re-opened");
        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;
                const struct generation *g = pool_settings(p);
                bool access = g && g->conf->access_log;

                if (access)
                        logs_tell_access(p);
                if ((m->log_file_fd >= 0 && m->env.log_fd == m->log_file_fd) || access)
                        pool_renew_log(p);
                pool_reopen_slow_log(p);
        }
}
