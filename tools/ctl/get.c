/* SPDX-License-Identifier: MIT */
/*
 * fpmctl get: what a web server would do, by hand. The address comes from the pool's configuration or from the command
 * line; the reply's body goes to stdout, everything else to stderr.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/number.h"
#include "connect.h"
#include "ctl.h"
#include "params.h"
#include "reply.h"
#include "status/text.h"

#define BODY_MAX   (1024U * 1024U * 1024U)
#define REPEAT_MAX 1000000U

/* clang-format off */
static const char usage[] =
        "fpmctl get [OPTION...] SCRIPT[?QUERY]\n"
        "fpmctl get [OPTION...] --root DIR URI\n"
        "\n"
        "Sends one FastCGI request and prints the reply's body. Ends with 22 when the HTTP status is 400 or above.\n"
        "\n"
        "  -y FILE              configuration that has the pool's address (" CTL_CONFIG_DEFAULT ")\n"
        "  --pool NAME          the pool (the first one that has a socket)\n"
        "  --connect ADDRESS    a socket path, HOST:PORT or PORT, instead of a configuration\n"
        "  --root DIR           document root: SCRIPT_FILENAME is DIR and the URI's path\n"
        "  -X METHOD            GET; POST with -d\n"
        "  -d DATA, -d @FILE    request body, as a form unless -H says otherwise; @- is stdin\n"
        "  -H 'Name: value'     HTTP header\n"
        "  -P NAME=VALUE        FastCGI parameter\n"
        "  -i                   print the reply's headers too\n"
        "  --stderr             print what PHP tells the web server's error log (always done when the request fails)\n"
        "  --repeat N           N requests, one after another, over one kept connection\n"
        "  --timeout SECONDS    for each reply (no limit)\n";
/* clang-format on */

struct get {
        const char *config;
        const char *pool;
        const char *connect;
        const char *target;
        const char *root;
        const char *method;
        char *body;
        size_t n_body;
        char **headers; /* into argv */
        size_t n_headers;
        char **assignments;
        size_t n_assignments;
        bool include_headers;
        bool show_errors;
        uint64_t repeat;
        usec_t timeout;
};

static void get_done(struct get *g) {
        free(g->body);
        free(g->headers);
        free(g->assignments);
}

static void get_tell_line(const char *prefix, const char *line) {
        _cleanup_text_ struct text out = {};

        status_text_clean(line, &out);
        ctl_print_error("%s%s", prefix, text_peek(&out));
}

/* The FCGI_STDERR stream, each line of it prefixed. */
static void get_tell_errors(struct text *errors) {
        char *save = NULL;

        if (errors->n == 0)
                return;
        for (char *line = strtok_r(errors->data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                get_tell_line("stderr: ", line);
}

static int get_judge(const struct get *g, struct ctl_reply *reply) {
        bool failed = reply->status >= 400 || reply->status == 0 || reply->protocol_status != FCGI_REQUEST_COMPLETE;

        fflush(stdout);
        if (g->show_errors || failed)
                get_tell_errors(&reply->errors);
        if (reply->protocol_status != FCGI_REQUEST_COMPLETE) {
                ctl_print_error("the request was not run: FastCGI protocol status %u%s", reply->protocol_status,
                                reply->protocol_status == FCGI_OVERLOADED ? " (overloaded)" : "");
                return CTL_EXIT_FAILED;
        }
        if (reply->status == 0) {
                ctl_print_error("the reply has no complete header block");
                return CTL_EXIT_FAILED;
        }
        if (reply->status >= 400) {
                get_tell_line("HTTP status ", reply->reason);
                return CTL_EXIT_HTTP;
        }
        return CTL_EXIT_OK;
}

static int get_tell_broken(const char *address, int error, enum fcgi_violation violation) {
        switch (error) {
        case ETIME:
                ctl_print_error(
                        "no complete reply from %s in time: fpmctl status --full shows what workers do, and how many "
                        "clients wait",
                        address);
                break;
        case ECONNRESET:
                ctl_print_error("%s closed the connection before the reply ended: its worker has died, or was ended, "
                                "or its service does not start; journalctl -t fpmd -x -e says how, and fpmctl doctor",
                                address);
                break;
        case EPROTO:
                ctl_print_error("what %s answered is not FastCGI: %s", address, fcgi_decoder_violation_text(violation));
                break;
        default:
                ctl_print_error("%s: %s", address, strerror(error));
        }
        return CTL_EXIT_FAILED;
}

static int get_run_one(const struct get *g, const char *address, int fd, const struct ctl_request *request) {
        _cleanup_reply_ struct ctl_reply reply = { .include_headers = g->include_headers };
        enum fcgi_violation violation = FCGI_VIOLATION_NONE;
        int r;

        r = ctl_reply_exchange(fd, request, &reply, &violation);
        if (r < 0) {
                fflush(stdout);
                get_tell_errors(&reply.errors);
                return get_tell_broken(address, -r, violation);
        }
        return get_judge(g, &reply);
}

/* Whether a server that was asked to keep the connection has closed it: its reply is complete, so anything readable is
 * the end. */
static bool get_connection_ended(int fd) {
        char c;

        return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static int get_run_all(const struct get *g, const char *address, const struct ctl_request *request) {
        _cleanup_fd_ int fd = -1;
        uint64_t n_connections = 0;
        struct addr a;
        int r, worst = CTL_EXIT_OK;

        r = ctl_connect_parse(address, &a);
        for (uint64_t i = 0; r == 0 && i < g->repeat; i++) {
                if (fd >= 0 && get_connection_ended(fd))
                        fd = fd_close(fd);
                if (fd < 0) {
                        r = ctl_connect_open(address, &a, &fd);
                        if (r != 0)
                                break;
                        n_connections++;
                }
                r = get_run_one(g, address, fd, request);
                if (r == CTL_EXIT_HTTP) {
                        worst = r;
                        r = 0;
                }
        }
        if (r == 0 && g->repeat > 1)
                ctl_print_error("%llu requests over %llu connection%s", (unsigned long long)g->repeat,
                                (unsigned long long)n_connections, n_connections == 1 ? "" : "s");
        return r != 0 ? r : worst;
}

static int get_tell_param(int error, const char *what, const char *text) {
        if (error == -EINVAL)
                ctl_print_error("%s, not '%s'", what, text);
        else if (error < 0)
                ctl_print_error("%s", strerror(-error));
        return error == 0 ? 0 : error == -EINVAL ? CTL_EXIT_USAGE : CTL_EXIT_FAILED;
}

static int get_build_params(const struct get *g, struct ctl_params *p) {
        const struct ctl_params_request request = {
                .method = g->method ? g->method : (g->body ? "POST" : "GET"),
                .target = g->target,
                .root = g->root,
                .has_body = g->body,
                .n_body = g->n_body,
        };
        int r;

        r = get_tell_param(ctl_params_fill(p, &request), "the script or URI starts with a slash", g->target);
        for (size_t i = 0; r == 0 && i < g->n_headers; i++)
                r = get_tell_param(ctl_params_set_header(p, g->headers[i]), "-H wants 'Name: value'", g->headers[i]);
        for (size_t i = 0; r == 0 && i < g->n_assignments; i++)
                r = get_tell_param(ctl_params_set_assignment(p, g->assignments[i]), "-P wants NAME=VALUE",
                                   g->assignments[i]);
        return r;
}

static int get_run(const struct get *g) {
        _cleanup_free_ char *address = g->connect ? strdup(g->connect) : NULL;
        _cleanup_params_ struct ctl_params params = {};
        _cleanup_free_ uint8_t *request = NULL;
        size_t n;
        int r;

        r = get_build_params(g, &params);
        if (r == 0 && !g->connect)
                r = ctl_connect_configured(g->config, g->pool, &address);
        if (r != 0)
                return r;
        r = fcgi_client_encode(
                &(struct fcgi_client_request){
                        .request_id = 1,
                        .keep_conn = g->repeat > 1,
                        .params = params.items,
                        .n_params = params.n,
                        .body = g->body,
                        .n_body = g->n_body,
                },
                &request, &n);
        if (r < 0 || !address) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        return get_run_all(g, address, &(struct ctl_request){ request, n, g->timeout });
}

static int get_read_body(struct get *g, const char *arg) {
        int r;

        free(g->body);
        g->body = NULL;
        if (arg[0] != '@') {
                g->body = strdup(arg);
                g->n_body = strlen(arg);
                r = g->body ? 0 : -ENOMEM;
        } else if (strcmp(arg, "@-") == 0)
                r = fd_read_all(STDIN_FILENO, BODY_MAX, &g->body, &g->n_body);
        else
                r = fd_read_file(arg + 1, BODY_MAX, &g->body, &g->n_body);
        if (r < 0)
                ctl_print_error("-d %s: %s", arg, strerror(-r));
        return r < 0 ? CTL_EXIT_FAILED : 0;
}

enum { POOL = CTL_OPTION_OWN, CONNECT, ROOT, STDERR, REPEAT, WAIT };

/* One option. 0, or an exit code. */
static int get_take_option(struct get *g, int c) {
        switch (c) {
        case 'y':
                g->config = optarg;
                return 0;
        case 'X':
                g->method = optarg;
                return 0;
        case 'd':
                return get_read_body(g, optarg);
        case 'H':
                g->headers[g->n_headers++] = optarg;
                return 0;
        case 'P':
                g->assignments[g->n_assignments++] = optarg;
                return 0;
        case 'i':
                g->include_headers = true;
                return 0;
        case POOL:
                g->pool = optarg;
                return 0;
        case CONNECT:
                g->connect = optarg;
                return 0;
        case ROOT:
                g->root = optarg;
                return 0;
        case STDERR:
                g->show_errors = true;
                return 0;
        case REPEAT:
                if (number_parse_range(optarg, 1, REPEAT_MAX, &g->repeat) == 0)
                        return 0;
                ctl_print_error("--repeat wants a number from 1 to %u, not '%s'", REPEAT_MAX, optarg);
                return CTL_EXIT_USAGE;
        case WAIT:
                return get_tell_param(ctl_parse_seconds(optarg, &g->timeout), "--timeout wants seconds", optarg);
        default:
                return -1; /* a common one */
        }
}

static int get_parse(struct ctl *ctl, int argc, char *argv[], struct get *g, int *ret_exit) {
        static const struct option options[] = { CTL_COMMON_OPTIONS,
                                                 { "pool", required_argument, NULL, POOL },
                                                 { "connect", required_argument, NULL, CONNECT },
                                                 { "root", required_argument, NULL, ROOT },
                                                 { "stderr", no_argument, NULL, STDERR },
                                                 { "repeat", required_argument, NULL, REPEAT },
                                                 { "timeout", required_argument, NULL, WAIT },
                                                 {} };
        int c;

        while ((c = getopt_long(argc, argv, "hy:X:d:H:P:i", options, NULL)) != -1) {
                *ret_exit = get_take_option(g, c);
                if (*ret_exit > 0 || (*ret_exit < 0 && ctl_option(ctl, c, usage, ret_exit) != 0))
                        return CTL_OPTION_E_EXIT;
        }
        if (argc - optind != 1) {
                ctl_print_error("get wants one script or URI; get -h explains");
                *ret_exit = CTL_EXIT_USAGE;
                return CTL_OPTION_E_EXIT;
        }
        g->target = argv[optind];
        return 0;
}

int ctl_get_main(struct ctl *ctl, int argc, char *argv[]) {
        _cleanup_(get_done) struct get g = { .config = CTL_CONFIG_DEFAULT, .repeat = 1 };
        int code;

        g.headers = calloc((size_t)argc, sizeof(*g.headers));
        g.assignments = calloc((size_t)argc, sizeof(*g.assignments));
        if (!g.headers || !g.assignments) {
                ctl_print_error("out of memory");
                return CTL_EXIT_FAILED;
        }
        return get_parse(ctl, argc, argv, &g, &code) != 0 ? code : get_run(&g);
}
