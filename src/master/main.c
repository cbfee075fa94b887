/* SPDX-License-Identifier: MIT */
/*
 * fpmd, the master: options, configuration, and then the event loop until it ends. Whatever is wrong before the loop runs is said in full, to stderr
 * and to the log, with php-fpm's exit statuses.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/text.h"
#include "base/title.h"
#include "conf/load.h"
#include "log/log.h"
#include "master/master.h"
#include "master/options.h"

static void main_log_lines(enum log_level level, const char *lines) {
        for (const char *p = lines; *p;) {
                size_t k = strcspn(p, "\n");
                _cleanup_text_ struct text line = {};

                text_append_n(&line, p, k);
                log_write(&(struct log_entry){ .level = level,
                                               .event = level >= LOG_LEVEL_ERROR ? LOG_EVENT_CONFIG_ERROR
                                                                                 : LOG_EVENT_NONE,
                                               .message = text_peek(&line) });
                p += k + (p[k] == '\n');
        }
}

/* An error of the configuration or of the sockets: told in full, and as the service's status its first line. */
static int main_fail(const struct text *problems, int r) {
        const char *text = text_peek(problems);

        if (r < 0 && !*text)
                log_error("cannot start: %s", strerror(-r));
        main_log_lines(LOG_LEVEL_ERROR, text);
        log_error("FPM initialization failed");
        sd_notifyf(0, "STATUS=Start failed: %.*s", (int)strcspn(text, "\n"), text);
        return r == -ENOMEM ? MASTER_EXIT_SOFTWARE : MASTER_EXIT_CONFIG;
}

static int main_test(const struct options *options, const struct conf *conf) {
        if (options->dump) {
                _cleanup_text_ struct text dump = {};

                conf_dump(conf, &dump);
                main_log_lines(LOG_LEVEL_NOTICE, text_peek(&dump));
        }
        log_notice("configuration file %s test is successful", options->conf_path);
        return EXIT_SUCCESS;
}

static void main_log_unimplemented(const struct conf *conf) {
        _cleanup_text_ struct text lines = {};

        conf_list_unimplemented(conf, &lines);
        main_log_lines(LOG_LEVEL_WARNING, text_peek(&lines));
        for (char *const *notice = conf->notices; notice && *notice; notice++)
                log_notice("%s", *notice);
}

static int main_run(const struct options *options, struct conf *conf) {
        _cleanup_(master_freep) struct master *m = NULL;
        _cleanup_text_ struct text problems = {};
        int r;

        r = master_new(options, conf, &m);
        if (r == 0)
                r = logs_open(m, conf, &problems);
        if (r == 0) {
                logs_apply(m, conf);
                main_log_unimplemented(conf);
                r = master_start(m, &problems);
        }
        if (r != 0)
                return main_fail(&problems, r);
        r = sd_event_loop(m->event);
        return r < 0 ? MASTER_EXIT_SOFTWARE : r;
}

int main(int argc, char **argv) {
        static struct options options;
        struct conf_options conf_options = { .running_as_root = geteuid() == 0 };
        _cleanup_text_ struct text problems = {};
        struct conf *conf = NULL;
        int r;

        r = options_parse(argc, argv, &options);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : 64; /* EX_USAGE */
        title_init(argc, argv);
        log_init(&(struct log_setup){ .journal_fd = log_stderr_is_journal() ? log_open_journal() : -1,
                                      .file_fd = -1,
                                      .to_stderr = true,
                                      .level = LOG_LEVEL_NOTICE });

        conf_options.allow_root = options.allow_root;
        r = conf_load(options.conf_path, &conf_options, &conf, &problems);
        if (r != 0)
                return main_fail(&problems, r);
        if (options.test) {
                r = main_test(&options, conf);
                conf_free(conf);
                return r;
        }
        return main_run(&options, conf);
}
