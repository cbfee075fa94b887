/* SPDX-License-Identifier: MIT */
/*
 * fpmctl import: reads a configuration of php-fpm as fpmd would, says what will differ, directive by directive, and
 * proposes the socket units. It changes nothing: a person decides.
 *
 * The differences are a table of directives and sentences. What a version of fpmd does not act on comes from the table
 * of directives itself.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "conf/dump.h"
#include "conf/ini.h"
#include "conf/load.h"
#include "conf/values.h"
#include "ctl.h"
#include "socket-unit.h"
#include "units/remarks.h"

#define IMPORT_FILE_MAX ((size_t)4 << 20)

static const char usage[] = "fpmctl import DIR|FILE\n"
                            "\n"
                            "Reads php-fpm's configuration (of a folder the file php-fpm.conf) and prints what\n"
                            "differs under fpmd, each with file and line, and a .socket unit for each pool.\n"
                            "Changes nothing. Ends with 78 when fpmd would refuse the configuration.\n";

enum import_when { IMPORT_GIVEN, IMPORT_ABSENT, IMPORT_SET }; /* SET: given, and not its default */

// clang-format off
static const struct {
        const char *name;
        enum import_when when;
        const char *says;
} global_rows[] = {
        { "pid", IMPORT_GIVEN, "leave it out: systemd knows the main process" },
        { "error_log", IMPORT_GIVEN,
          "the journal has every entry, with fields, when it is left out; where it is set, php-fpm's lines are "
          "written there" },
        { "daemonize", IMPORT_SET, "write no, or leave it out: the unit wants fpmd in the foreground" },
        { "process_control_timeout", IMPORT_ABSENT,
          "the default is 30s, not 0: requests in hand are given that time in reloads and graceful stops" },
        { "emergency_restart_threshold", IMPORT_SET,
          "a pool whose workers crash that often gets a fresh generation; the master and other pools go on" },
        { "emergency_restart_interval", IMPORT_SET, "see emergency_restart_threshold" },
        { "process.priority", IMPORT_GIVEN, "Nice= in the service does the same without root" },
        { "rlimit_files", IMPORT_SET, "LimitNOFILE= in the service does the same without root" },
        { "rlimit_core", IMPORT_SET, "LimitCORE= in the service does the same without root" },
        { "process.max", IMPORT_SET, "a reload may exceed it for as long as it takes" },
        { "systemd_interval", IMPORT_SET, "the default is 1s, not 10s" },
}, pool_rows[] = {
        { "user", IMPORT_GIVEN,
          "only a service that starts as root can change it; else it is the unit's User=, the same for all its pools" },
        { "listen", IMPORT_GIVEN, "the socket unit below makes the socket; where no unit does, fpmd binds it" },
        { "listen.backlog", IMPORT_SET, "Backlog= in the socket unit" },
        { "listen.owner", IMPORT_GIVEN, "SocketUser= in the socket unit" },
        { "listen.group", IMPORT_GIVEN, "SocketGroup= in the socket unit" },
        { "listen.mode", IMPORT_SET, "SocketMode= in the socket unit" },
        { "listen.acl_users", IMPORT_GIVEN,
          "setfacl in the socket unit; fpmd sets an ACL only on sockets that it binds" },
        { "listen.acl_groups", IMPORT_GIVEN,
          "setfacl in the socket unit; fpmd sets an ACL only on sockets that it binds" },
        { "pm.process_idle_timeout", IMPORT_SET,
          "ondemand ends all workers whose time is over at once; dynamic falls back to pm.min_spare_servers" },
        { "pm.status_listen", IMPORT_GIVEN,
          "the master answers there, with ping and status alone; php-fpm has a worker there that runs any script" },
        { "access.log", IMPORT_GIVEN,
          "written when the request has ended, with control characters escaped, each line whole" },
        { "request_slowlog_timeout", IMPORT_SET,
          "no process is stopped for it; where fpmd is not root, workers may be dumpable then (fpmctl check says so)" },
        { "request_terminate_timeout", IMPORT_SET, "kept to a tenth of a second, shutdown functions included" },
        { "chroot", IMPORT_GIVEN,
          "it takes a start as root or CAP_SYS_CHROOT; without, the pool does not start (php-fpm ignores the "
          "directive)" },
        { "security.pcntl", IMPORT_ABSENT,
          "scripts have no pcntl_ functions, as with Debian's php-fpm; with yes they have those that are built into "
          "libphp" },
        { "apparmor_hat", IMPORT_GIVEN, "the service needs a profile with that child profile (AppArmorProfile=)" },
};
// clang-format on

/* A line of the report. line 0: nothing in a file says it. */
static void import_tell(const char *file, unsigned line, const char *directive, const char *says) {
        if (line > 0)
                printf("[%s:%u] %s: %s\n", file, line, directive, says);
        else
                printf("[%s] %s is not set: %s\n", file, directive, says);
}

static bool import_applies(enum import_when when, const struct conf_where *given, bool initial) {
        switch (when) {
        case IMPORT_GIVEN:
                return given->file;
        case IMPORT_ABSENT:
                return !given->file;
        default:
                return given->file && !initial;
        }
}

static void import_tell_global(const struct conf *conf) {
        for (size_t i = 0; i < ELEMENTSOF(global_rows); i++) {
                int row = conf_rows_find_global(global_rows[i].name);
                const struct conf_where *given = &conf->global.given[row];

                if (import_applies(global_rows[i].when, given,
                                   conf_value_is_initial(&conf_global_directives[row], &conf->global)))
                        import_tell(given->file ? given->file : conf->files[0], given->line, global_rows[i].name,
                                    global_rows[i].says);
        }
}

static void import_tell_pool(const struct conf_pool *pool) {
        for (size_t i = 0; i < ELEMENTSOF(pool_rows); i++) {
                int row = conf_rows_find_pool(pool_rows[i].name);
                const struct conf_where *given = &pool->given[row];

                if (import_applies(pool_rows[i].when, given, conf_value_is_initial(&conf_pool_directives[row], pool)))
                        import_tell(given->file ? given->file : pool->where.file, given->line, pool_rows[i].name,
                                    pool_rows[i].says);
        }
}

/* Which of the two places a relative include means depends on what is there. */
static void import_tell_relative_includes(const char *path) {
        _cleanup_free_ char *data = NULL;
        const char *rest, *line, *reason;
        unsigned number = 0;
        size_t n, n_line;

        if (fd_read_file(path, IMPORT_FILE_MAX, &data, &n) < 0)
                return;
        for (rest = data; conf_ini_next(&rest, &n, &line, &n_line);) {
                _cleanup_ini_line_ struct conf_ini_line entry = {};

                number++;
                if (conf_ini_parse(line, n_line, getenv, &entry, &reason) == 0 && entry.kind == CONF_INI_ENTRY &&
                    strcasecmp(entry.name, "include") == 0 && entry.value && entry.value[0] != '/')
                        import_tell(
                                path, number, "include",
                                "a relative name begins in /usr, as with php-fpm; where nothing is there, beside this "
                                "file");
        }
}

static void import_tell_all(const struct conf *conf) {
        _cleanup_text_ struct text unimplemented = {}, units = {};

        for (size_t i = 0; conf->files && conf->files[i]; i++)
                import_tell_relative_includes(conf->files[i]);
        import_tell_global(conf);
        for (size_t i = 0; i < conf->n_pools; i++) {
                import_tell_pool(&conf->pools[i]);
                remarks_list_varying(&conf->pools[i], CONF_VARIES_NOTHING, &unimplemented);
                remarks_list_varying(&conf->pools[i], CONF_VARIES_DEFAULT, &unimplemented);
        }
        conf_dump_ignored(conf, &unimplemented);
        fputs(text_peek(&unimplemented), stdout);
        for (size_t i = 0; conf->notices && conf->notices[i]; i++)
                puts(conf->notices[i]);
        for (size_t i = 0; i < conf->n_pools; i++) {
                text_append(&units, "\n");
                socket_unit_write(&conf->pools[i], conf_pool_shards(&conf->pools[i]), &units);
        }
        fputs(text_peek(&units), stdout);
}

static int import(const char *path) {
        static const struct conf_options options = { .text_only = true, .no_environment = true };
        _cleanup_conf_ struct conf *conf = NULL;
        int r;

        r = ctl_load_conf(path, &options, &conf);
        if (r < 0)
                return -r;
        import_tell_all(conf);
        return CTL_EXIT_OK;
}

int ctl_import_main(struct ctl *ctl, int argc, char *argv[]) {
        static const struct option options[] = { CTL_COMMON_OPTIONS, {} };
        _cleanup_text_ struct text path = {};
        struct stat st;
        int c, code;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
                if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        if (optind + 1 != argc) {
                ctl_print_error("import takes one folder or file; -h explains");
                return CTL_EXIT_USAGE;
        }
        text_append(&path, argv[optind]);
        if (stat(argv[optind], &st) == 0 && S_ISDIR(st.st_mode))
                text_append(&path, "/php-fpm.conf");
        return path.failed ? CTL_EXIT_FAILED : import(text_peek(&path));
}
