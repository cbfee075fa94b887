/* SPDX-License-Identifier: MIT */
/*
 * The command line; see options.h. The first of --help, --version, --modules, --info that is met decides, as with
 * php-fpm; they win over --test. Wrong use is told as php-fpm tells it: the help on stdout, status 64; what exactly was
 * wrong is on stderr.
 */

#include "master/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/program.h"
#include "base/text.h"

/* Where the configuration is when -y does not say: by name, and below -p. */
#define OPTIONS_CONF(prefix_folder) (program_is_php_fpm() ? prefix_folder "/php-fpm.conf" : prefix_folder "/fpmd.conf")

#define OPTIONS_SECONDS_MAX (366 * 24 * 3600.0)

static const char *options_default_conf(void) {
        return program_is_php_fpm() ? FPMD_PHP_INI_DIR "/php-fpm.conf" : FPMD_SYSCONFDIR "/fpmd.conf";
}

void options_print_help(void) {
        printf("Usage: %s [-n] [-e] [-t] [-O] [-R] [-D | -F] [-c PATH] [-d FOO[=BAR]] [-y FILE] [-p DIR] [-g FILE]\n"
               "       %s -h | -i | -m | -v\n"
               "  -c PATH, --php-ini PATH    php.ini, or the folder it is in\n"
               "  -n, --no-php-ini           read no php.ini\n"
               "  -d FOO[=BAR], --define     set the INI entry FOO to BAR (default 1)\n"
               "  -e, --profile-info         have PHP compile information for debuggers and profilers\n"
               "  -y FILE, --fpm-config FILE configuration (default %s)\n"
               "  -p DIR, --prefix DIR       what relative paths of the configuration begin at\n"
               "  -g FILE, --pid FILE        pid file, where the configuration has none\n"
               "  -t, --test                 test the configuration and exit; -tt: print it as well\n"
               "  -D, --daemonize            run in the background, whatever the configuration says\n"
               "  -F, --nodaemonize          stay in the foreground, whatever the configuration says\n"
               "  -O, --force-stderr         log to stderr instead of error_log\n"
               "  -R, --allow-to-run-as-root a pool may run PHP as root\n"
               "      --runtime-dir DIR      where the control socket is made (default $RUNTIME_DIRECTORY, else "
               "/run/fpmd)\n"
               "      --pool NAME            serve this one of the configuration's pools\n"
               "      --leave-to-units PATH  serve no pool whose fpmd@NAME.socket is enabled in these folders of "
               "systemd's\n"
               "      --exit-idle-time TIME  end when nobody has connected for so long (60s, 5min); a socket unit "
               "starts it "
               "again\n"
               "      --drain-time TIME      SIGTERM ends as SIGQUIT does; before, load balancers are told for so "
               "long\n"
               "      --refuse LINE          log this reason and end with status 78; may be given again\n"
               "  -h, --help                 this text\n"
               "  -i, --info                 what phpinfo() shows\n"
               "  -m, --modules              PHP's modules\n"
               "  -v, --version              version\n",
               program_name(), program_name(), options_default_conf());
}

static int options_set(char **field, const char *value) {
        free(*field);
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

static int options_add_define(struct options *o, const char *value) {
        if (o->n_defines == OPTIONS_DEFINES_MAX) {
                fprintf(stderr, "%s: more than %d -d options\n", program_name(), OPTIONS_DEFINES_MAX);
                return -EINVAL;
        }
        return options_set(&o->defines[o->n_defines++], value);
}

static void options_set_task(struct options *o, enum options_task task) {
        if (o->task == OPTIONS_RUN || o->task == OPTIONS_TEST)
                o->task = task;
}

/* So that it means the same from another folder. Symbolic links stay: a reload follows where they lead then. */
static int options_make_absolute(const char *path, char **ret) {
        _cleanup_free_ char *cwd = NULL;
        char *absolute;

        if (path[0] == '/')
                return options_set(ret, path);
        cwd = getcwd(NULL, 0);
        if (!cwd)
                return -errno;
        if (asprintf(&absolute, "%s/%s", cwd, path) < 0)
                return -ENOMEM;
        free(*ret);
        *ret = absolute;
        return 0;
}

static int options_copy_arguments(int argc, char **argv, struct options *o) {
        o->arguments = calloc((size_t)argc + 1, sizeof(*o->arguments));
        if (!o->arguments)
                return -ENOMEM;
        for (int i = 0; i < argc; i++) {
                int r = options_set(&o->arguments[i], argv[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int options_finish(struct options *o) {
        int r = 0;

        if (!o->conf_name && o->prefix) {
                if (asprintf(&o->conf_name, "%s%s", o->prefix, OPTIONS_CONF("/etc")) < 0) {
                        o->conf_name = NULL;
                        return -ENOMEM;
                }
        } else if (!o->conf_name)
                r = options_set(&o->conf_name, options_default_conf());
        if (r == 0 && o->prefix && o->prefix[0] != '/')
                r = options_make_absolute(o->prefix, &o->prefix);
        return r < 0 ? r : options_make_absolute(o->conf_name, &o->conf_path);
}

enum { OPTION_RUNTIME_DIR = 256, OPTION_POOL, OPTION_UNITS, OPTION_EXIT_IDLE, OPTION_DRAIN_TIME, OPTION_REFUSE };

/* A number with ms, s, min or h, or of seconds; more than 0. */
static int options_parse_time(const char *s, usec_t *ret) {
        static const struct {
                const char *name;
                double seconds;
        } units[] = { { "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "min", 60 }, { "h", 3600 } };
        double v;
        char *end;

        if (*s < '0' || *s > '9')
                return -EINVAL;
        v = strtod(s, &end);
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                double seconds = v * units[i].seconds;

                if (!text_equal(end, units[i].name))
                        continue;
                if (!isfinite(seconds) || seconds < 0.001 || seconds > OPTIONS_SECONDS_MAX)
                        return -EINVAL;
                *ret = (usec_t)(seconds * (double)USEC_PER_SEC);
                return 0;
        }
        return -EINVAL;
}

static int options_take_exit_idle(struct options *o, const char *value) {
        int r = options_parse_time(value, &o->exit_idle);

        if (r < 0)
                fprintf(stderr, "%s: --exit-idle-time: not a time like 60s, 500ms, 5min or 1h: '%s'\n", program_name(),
                        value);
        return r;
}

static int options_take_drain_time(struct options *o, const char *value) {
        int r = text_equal(value, "0") ? 0 : options_parse_time(value, &o->drain_time);

        o->drains = true;
        if (r < 0)
                fprintf(stderr, "%s: --drain-time: not a time like 5s, 500ms or 0: '%s'\n", program_name(), value);
        return r;
}

static int options_take(struct options *o, int c) {
        switch (c) {
        case 'c':
                return options_set(&o->php_ini, optarg);
        case 'n':
                o->no_php_ini = true;
                return 0;
        case 'd':
                return options_add_define(o, optarg);
        case 'e':
                o->extended_info = true;
                return 0;
        case 'y':
                return options_set(&o->conf_name, optarg);
        case 'p':
                return options_set(&o->prefix, optarg);
        case 'g':
                return options_set(&o->pid_path, optarg);
        case 't':
                o->dump = o->task == OPTIONS_TEST;
                options_set_task(o, OPTIONS_TEST);
                return 0;
        case 'D':
                o->daemonize = OPTIONS_DAEMONIZE;
                return 0;
        case 'F':
                o->daemonize = OPTIONS_NODAEMONIZE;
                return 0;
        case 'O':
                o->force_stderr = true;
                return 0;
        case 'R':
                o->allow_root = true;
                return 0;
        case OPTION_RUNTIME_DIR:
                return options_set(&o->runtime_dir, optarg);
        case OPTION_UNITS:
                return options_set(&o->units, optarg);
        case OPTION_POOL:
                return options_set(&o->pool, optarg);
        case OPTION_EXIT_IDLE:
                return options_take_exit_idle(o, optarg);
        case OPTION_DRAIN_TIME:
                return options_take_drain_time(o, optarg);
        case OPTION_REFUSE:
                text_printf(&o->refusal, "%s\n", optarg);
                return o->refusal.failed ? -ENOMEM : 0;
        case 'h':
                options_set_task(o, OPTIONS_HELP);
                return 0;
        case 'i':
                options_set_task(o, OPTIONS_INFO);
                return 0;
        case 'm':
                options_set_task(o, OPTIONS_MODULES);
                return 0;
        case 'v':
                options_set_task(o, OPTIONS_VERSION);
                return 0;
        default:
                return -EINVAL;
        }
}

/* getopt_long(3) takes the beginning of a word for the word; php-fpm does not. */
static bool options_is_whole(const char *word, const char *name) {
        size_t n = strlen(name);

        return strncmp(word + 2, name, n) == 0 && (word[2 + n] == '\0' || word[2 + n] == '=');
}

int options_parse(int argc, char **argv, struct options *ret) {
        static const struct option table[] = {
                { "php-ini", required_argument, NULL, 'c' },
                { "no-php-ini", no_argument, NULL, 'n' },
                { "define", required_argument, NULL, 'd' },
                { "profile-info", no_argument, NULL, 'e' },
                { "fpm-config", required_argument, NULL, 'y' },
                { "prefix", required_argument, NULL, 'p' },
                { "pid", required_argument, NULL, 'g' },
                { "test", no_argument, NULL, 't' },
                { "daemonize", no_argument, NULL, 'D' },
                { "nodaemonize", no_argument, NULL, 'F' },
                { "force-stderr", no_argument, NULL, 'O' },
                { "allow-to-run-as-root", no_argument, NULL, 'R' },
                { "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
                { "pool", required_argument, NULL, OPTION_POOL },
                { "leave-to-units", required_argument, NULL, OPTION_UNITS },
                { "exit-idle-time", required_argument, NULL, OPTION_EXIT_IDLE },
                { "drain-time", required_argument, NULL, OPTION_DRAIN_TIME },
                { "refuse", required_argument, NULL, OPTION_REFUSE },
                { "help", no_argument, NULL, 'h' },
                { "usage", no_argument, NULL, 'h' },
                { "info", no_argument, NULL, 'i' },
                { "modules", no_argument, NULL, 'm' },
                { "version", no_argument, NULL, 'v' },
                {},
        };
        int c, r, at, row;

        opterr = !program_is_php_fpm(); /* it shows its help and says nothing else */
        r = options_copy_arguments(argc, argv, ret);
        while (r == 0) {
                at = optind;
                row = -1;
                optopt = 0;
                c = getopt_long(argc, argv, "+c:nd:ey:p:g:tDFORhimv?", table, &row);
                if (c < 0)
                        break;
                if (c == '?' && optopt == 0 && argv[at][1] != '-') /* php-fpm's letter, and not getopt's refusal */
                        c = 'h';
                r = row >= 0 && !options_is_whole(argv[at], table[row].name) ? -EINVAL : options_take(ret, c);
        }
        if (r == 0 && optind < argc) {
                if (opterr)
                        fprintf(stderr, "%s: unexpected argument '%s'\n", program_name(), argv[optind]);
                r = -EINVAL;
        }
        if (r == -EINVAL)
                options_print_help();
        return r < 0 ? r : options_finish(ret);
}

struct conf_options options_for_conf(const struct options *o) {
        return (struct conf_options){
                .running_as_root = geteuid() == 0,
                .allow_root = o->allow_root,
                .testing = o->task == OPTIONS_TEST,
                .opens_logs = o->task == OPTIONS_RUN,
                .php_fpm = program_is_php_fpm(),
                .prefix = o->prefix,
                .pool = o->pool,
                .units = o->units,
                .pid = o->pid_path,
        };
}
