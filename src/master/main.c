/* SPDX-License-Identifier: MIT */
/*
 * fpmd, the master: options, configuration, and then the event loop until it ends. An error before the loop
 * runs is told in full, to stderr and to the log, with php-fpm's exit statuses.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/account.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "base/title.h"
#include "base/trusted.h"
#include "conf/conf.h"
#include "conf/dump.h"
#include "conf/lines.h"
#include "conf/load.h"
#include "log/file.h"
#include "log/log.h"
#include "master/about.h"
#include "master/daemon.h"
#include "master/exit.h"
#include "master/inherited.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/options.h"
#include "master/start.h"

/* Whether a line tells of a mistake in words that php-fpm has too. */
static bool master_is_php_fpms(const char *line, enum log_level level) {
        return level >= LOG_LEVEL_ERROR && !conf_lines_is_ours(line) && !conf_lines_is_outcome(line);
}

static bool master_has_php_fpms(const char *lines) {
        enum log_level level = LOG_LEVEL_ERROR;
        const char *line;
        size_t n;

        for (; conf_lines_next(&lines, &level, &line, &n); level = LOG_LEVEL_ERROR)
                if (master_is_php_fpms(line, level))
                        return true;
        return false;
}

/* Under php-fpm's name: its first line, as it stops there, and what that leads to. All else is for the journal, or for
 * debugging. */
static void master_log_failure_as_php_fpm(const char *lines) {
        bool has = master_has_php_fpms(lines), said = false;
        enum log_level level = LOG_LEVEL_ERROR;
        const char *p;
        size_t n;

        for (; conf_lines_next(&lines, &level, &p, &n); level = LOG_LEVEL_ERROR) {
                bool theirs = master_is_php_fpms(p, level);
                bool says = level < LOG_LEVEL_ERROR || conf_lines_is_outcome(p) || (has ? theirs && !said : true);
                bool debugs = !says && log_enabled(LOG_LEVEL_DEBUG);
                _cleanup_text_ struct text line = {};

                said |= theirs;
                text_append_n(&line, p, n);
                log_write(&(struct log_entry){ .level = debugs ? LOG_LEVEL_DEBUG : level,
                                               .event = LOG_EVENT_CONFIG_ERROR,
                                               .journal_only = !says && !debugs,
                                               .message = text_peek(&line) });
        }
}

/* The first line that tells a place, else the first. */
static void master_notify_failure(const char *lines) {
        enum log_level level = LOG_LEVEL_ERROR;
        const char *first = lines, *line;
        size_t n;

        for (const char *p = lines; conf_lines_next(&p, &level, &line, &n);)
                if (conf_lines_is_place(line)) {
                        first = line;
                        break;
                }
        sd_notifyf(0, "STATUS=Start failed: %.*s", (int)strcspn(first, "\n"), first);
}

/* An error of the configuration or of the sockets: told in full, on stderr too, and as the service's status its first
 * line. */
static int master_fail(const struct text *problems, int r, int stderr_fd) {
        const char *text = text_peek(problems);

        logs_add_stderr(stderr_fd);
        if (r < 0 && !*text)
                log_error("cannot start: %s", strerror(-r));
        if (program_is_php_fpm())
                master_log_failure_as_php_fpm(text);
        else
                logs_write_lines(LOG_LEVEL_ERROR, text);
        log_error("FPM initialization failed");
        master_notify_failure(text);
        log_settle();
        return r == -ENOMEM ? EXIT_SOFTWARE : EXIT_CONFIG;
}

/* php-fpm opens its log before it looks at pools, so what is wrong with a configuration whose lines read is told there
 * as well. */
static void master_open_log(const struct options *options) {
        const struct conf_options conf_options = options_for_conf(options);
        _cleanup_conf_ struct conf *conf = NULL;
        int fd = -1;

        if (options->force_stderr || isatty(STDERR_FILENO) ||
            conf_load_unchecked(options->conf_name, &conf_options, &conf) != 0)
                return;
        if (conf->global.error_log && !conf_is_journal(conf->global.error_log))
                fd = log_file_open(conf->global.error_log);
        if (fd >= 0)
                log_init(&(struct log_setup){ .journal_fd = log_stderr_is_journal() ? log_open_journal() : -1,
                                              .file_fd = fd,
                                              .level = conf->global.log_level });
}

/* What PHP does not take, which php-fpm does not ask. */
static void master_tell_php(const struct options *options, const struct conf *conf) {
        _cleanup_text_ struct text said = {};
        int r = program_is_php_fpm() ? 0 : about_check(options, conf, &said);

        logs_write_lines(LOG_LEVEL_WARNING, text_peek(&said));
        if (r < 0)
                log_notice("whether PHP takes its settings was not looked at: %s", strerror(-r));
}

static int master_test(const struct options *options, const struct conf *conf) {
        if (program_is_php_fpm())
                log_set_level(conf->global.log_level);
        logs_tell_remarks(conf);
        master_tell_php(options, conf);
        if (options->dump) {
                _cleanup_text_ struct text dump = {};

                conf_dump(conf, program_is_php_fpm() ? CONF_DUMP_PHP_FPM : CONF_DUMP_LOADABLE, &dump);
                logs_write_lines(LOG_LEVEL_NOTICE, text_peek(&dump));
        }
        log_notice("configuration file %s test is successful", options->conf_name);
        if (program_is_php_fpm())
                fputc('\n', stderr); /* its line has two ends */
        return EXIT_SUCCESS;
}

/* Under a supervisor that waits for READY=1 a fork would look like the service's end: the file's word, or php-fpm's
 * default, is not for there. */
static bool master_wants_daemon(const struct options *options, const struct conf *conf) {
        if (options->daemonize != OPTIONS_DAEMONIZE_BY_FILE)
                return options->daemonize == OPTIONS_DAEMONIZE;
        if (conf->global.daemonize && getenv("NOTIFY_SOCKET")) {
                log_own("daemonize = yes has no effect under a service manager that waits for READY=1");
                return false;
        }
        return conf->global.daemonize;
}

static int master_start(struct master *m, int daemon_fd, struct text *problems) {
        int r;

        m->daemon_fd = daemon_fd;
        m->daemonized = daemon_fd >= 0;
        r = logs_open(m, m->conf, problems);
        if (r != 0)
                return r;
        logs_apply(m, m->conf);
        r = logs_attach(m);
        if (r < 0)
                return r;
        if (m->daemonized)
                r = daemon_leave_stderr(m->logs.file_fd);
        if (r < 0)
                return r;
        if (program_is_php_fpm() && m->logs.stderr_fd >= 0)
                logs_add_stderr(m->logs.stderr_fd);
        logs_tell_remarks(m->conf);
        return start_service(m, problems);
}

static int master_run(const struct options *options, struct conf *conf) {
        _cleanup_(master_freep) struct master *m = NULL;
        _cleanup_text_ struct text problems = {};
        int daemon_fd = -1, r = 0;

        if (master_wants_daemon(options, conf))
                r = daemon_begin(&daemon_fd);
        if (r == 0)
                r = master_new(options, conf, &m);
        if (r == 0)
                r = master_start(m, daemon_fd, &problems);
        account_forget();
        trusted_forget();
        if (r != 0) {
                r = master_fail(&problems, r, m && m->logs.stderr_fd >= 0 ? m->logs.stderr_fd : STDERR_FILENO);
                if (m)
                        logs_finish(m);
                return r;
        }
        r = sd_event_loop(m->event);
        logs_finish(m);
        if (r != EXIT_SUCCESS)
                log_settle();
        return r < 0 ? EXIT_SOFTWARE : r;
}

/* Each pool has a unit of its own, so this service is over before it has begun, and has not failed. Sockets that it got
 * all the same would start it again and again. */
static int master_rest(const struct conf *conf) {
        _cleanup_text_ struct text problems = {};
        struct inherited inherited = {};
        int r = inherited_take(&inherited, conf, &problems);

        logs_tell_remarks(conf);
        inherited_close_left(&inherited, conf);
        if (r == 0)
                r = inherited_check_claimed(&inherited, conf, &problems);
        inherited_done(&inherited);
        if (r != 0)
                return master_fail(&problems, r, STDERR_FILENO);
        sd_notify(0, "READY=1\nSTATUS=Each pool has a unit of its own that is enabled: nothing is left to serve here");
        return EXIT_SUCCESS;
}

static int master_load(const struct options *options, struct conf **ret, struct text *problems) {
        const struct conf_options conf_options = options_for_conf(options);
        struct stat st;

        if (options->prefix && (stat(options->prefix, &st) < 0 || !S_ISDIR(st.st_mode))) {
                text_printf(problems, "the global prefix '%s' does not exist or is not a directory\n", options->prefix);
                return CONF_E_INVALID;
        }
        return conf_load(options->conf_name, &conf_options, ret, problems);
}

int main(int argc, char **argv) {
        static struct options options;
        _cleanup_text_ struct text problems = {};
        struct conf *conf = NULL;
        int r;

        program_init(argv[0]);
        r = fd_open_standard();
        if (r < 0)
                return EXIT_SOFTWARE;
        r = options_parse(argc, argv, &options);
        if (r != 0)
                return EXIT_USAGE;
        if (options.task == OPTIONS_HELP) {
                options_print_help();
                return EXIT_SUCCESS;
        }
        if (options.task != OPTIONS_RUN && options.task != OPTIONS_TEST)
                return about_print(&options);
        title_init(argc, argv);
        log_init(&(struct log_setup){ .journal_fd = log_stderr_is_journal() ? log_open_journal() : -1,
                                      .file_fd = -1,
                                      .to_stderr = true,
                                      .level = LOG_LEVEL_NOTICE });

        if (options.refusal.n > 0) /* lines of a unit, which does not change with what it is made of */
                text_append(&options.refusal,
                            "when that is mended: systemctl daemon-reload, which makes the unit anew\n");
        if (options.refusal.n > 0)
                return master_fail(&options.refusal, CONF_E_INVALID, STDERR_FILENO);
        account_remember();
        trusted_remember();
        r = master_load(&options, &conf, &problems);
        if (r == CONF_E_INVALID && options.task == OPTIONS_RUN)
                master_open_log(&options);
        if (r != 0)
                return master_fail(&problems, r, STDERR_FILENO);
        if (options.task == OPTIONS_TEST) {
                r = master_test(&options, conf);
                conf_free(conf);
                return r;
        }
        if (conf->n_pools == 0) {
                r = master_rest(conf);
                conf_free(conf);
                return r;
        }
        return master_run(&options, conf);
}
