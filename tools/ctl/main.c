/* SPDX-License-Identifier: MIT */
/*
 * fpmctl: the operator's tool. It asks the master over its control socket, reads scoreboards that the master hands out,
 * and talks FastCGI to a pool as a web server would. It runs no PHP and changes nothing but by asking the master.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "ctl.h"

static const char usage[] =
        "fpmctl [--socket PATH | --runtime-dir DIR] COMMAND ...\n"
        "\n"
        "  status [--full] [--json] [POOL...]  who runs, what it does, what it read\n"
        "  reload [--changed | POOL...]        renew pools (all of them by default), wait for the outcome\n"
        "  drain [--wait] [POOL...]            tell load balancers to send pools nothing; all pools by default\n"
        "  undrain [POOL...]                   the opposite\n"
        "  leaks [--requests N] POOL           what requests of worker.script leave behind in their worker\n"
        "  get [OPTION...] SCRIPT|URI          send a request to a pool, print the reply's body\n"
        "  doctor [--json]                     look at the machine, say what is wrong and what to do next\n"
        "  check [-R] [-y FILE]                read the configuration, print what is wrong with it\n"
        "  import DIR|FILE                     read php-fpm's configuration, print what differs and the socket units\n"
        "  list [--json] [NAME]                pools that are units of their own: state, user, memory, requests\n"
        "  enable NAME                         check the pool's file, make its units, listen now and at each boot\n"
        "  disable NAME                        the opposite\n"
        "\n"
        "  -h, --help       this text; COMMAND -h explains a command\n"
        "  -V, --version    fpmctl's version\n"
        "\n"
        "The control socket is \"control\" in $RUNTIME_DIRECTORY, or in /run/fpmd.\n";

static const struct {
        const char *name;
        int (*main)(struct ctl *ctl, int argc, char *argv[]);
} commands[] = {
        { "status", ctl_status_main },     { "reload", ctl_reload_main },   { "get", ctl_get_main },
        { "check", ctl_check_main },       { "import", ctl_import_main },   { "list", ctl_list_main },
        { "enable", ctl_enable_main },     { "disable", ctl_disable_main }, { "drain", ctl_drain_main },
        { "undrain", ctl_drain_end_main }, { "leaks", ctl_leaks_main },     { "doctor", ctl_doctor_main },
};

static int ctl_set_socket(struct ctl *ctl, const char *dir, const char *name) {
        char *path = NULL;

        if (asprintf(&path, "%s%s%s", dir, dir[0] ? "/" : "", name) < 0)
                return -ENOMEM;
        free(ctl->socket);
        ctl->socket = path;
        return 0;
}

int ctl_option(struct ctl *ctl, int c, const char *help, int *ret_exit) {
        int r = 0;

        switch (c) {
        case CTL_OPTION_SOCKET:
                ctl->is_given = true;
                r = ctl_set_socket(ctl, "", optarg);
                break;
        case CTL_OPTION_RUNTIME_DIR:
                ctl->is_given = true;
                r = ctl_set_socket(ctl, optarg, IPC_CONTROL_SOCKET);
                break;
        case 'h':
                fputs(help, stdout);
                *ret_exit = CTL_EXIT_OK;
                return CTL_OPTION_E_EXIT;
        default: /* getopt_long() has said what is wrong */
                fputs("Try -h.\n", stderr);
                *ret_exit = CTL_EXIT_USAGE;
                return CTL_OPTION_E_EXIT;
        }
        if (r < 0) {
                ctl_print_error("%s", strerror(-r));
                *ret_exit = CTL_EXIT_FAILED;
                return CTL_OPTION_E_EXIT;
        }
        return 0;
}

int ctl_parse_seconds(const char *s, usec_t *ret) {
        char *end;
        double v = strtod(s, &end);

        if (end == s || *end != '\0' || !(v >= 0.001) || v > 1e9)
                return -EINVAL;
        *ret = (usec_t)(v * (double)USEC_PER_SEC);
        return 0;
}

/* $RUNTIME_DIRECTORY may name several folders, with colons between; the first is the service's own. systemd.exec(5) */
static int ctl_default_socket(struct ctl *ctl) {
        const char *env = getenv("RUNTIME_DIRECTORY");
        _cleanup_free_ char *dir = NULL;

        dir = strdup(env && env[0] ? env : "/run/fpmd");
        if (!dir)
                return -ENOMEM;
        dir[strcspn(dir, ":")] = '\0';
        ctl->is_given = env && env[0];
        return ctl_set_socket(ctl, dir, IPC_CONTROL_SOCKET);
}

static int ctl_run_command(struct ctl *ctl, int argc, char *argv[]) {
        if (argc < 1) {
                fputs(usage, stderr);
                return CTL_EXIT_USAGE;
        }
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                if (strcmp(commands[i].name, argv[0]) != 0)
                        continue;
                optind = 0; /* glibc: start a new scan */
                return commands[i].main(ctl, argc, argv);
        }
        ctl_print_error("no command '%s'; fpmctl -h lists them", argv[0]);
        return CTL_EXIT_USAGE;
}

static int ctl_run(struct ctl *ctl, int argc, char *argv[]) {
        static const struct option options[] = { CTL_COMMON_OPTIONS, { "version", no_argument, NULL, 'V' }, {} };
        int c, code;

        if (ctl_default_socket(ctl) < 0)
                return CTL_EXIT_FAILED;
        while ((c = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
                if (c == 'V') {
                        puts("fpmctl " FPMD_VERSION);
                        return CTL_EXIT_OK;
                }
                if (ctl_option(ctl, c, usage, &code) != 0)
                        return code;
        }
        return ctl_run_command(ctl, argc - optind, argv + optind);
}

int main(int argc, char *argv[]) {
        struct ctl ctl = {};
        int code;

        code = fd_open_standard() < 0 ? CTL_EXIT_FAILED : ctl_run(&ctl, argc, argv);
        free(ctl.socket);
        if (fflush(stdout) != 0 && code == CTL_EXIT_OK)
                code = CTL_EXIT_FAILED;
        return code;
}
