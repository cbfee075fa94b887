/* SPDX-License-Identifier: MIT */
/* The command line. Numbers are a table: where they go and how great they may be. */

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/number.h"
#include "target.h"

#define DAY_MS (24ULL * 3600 * 1000)

enum {
        OPTION_CONNECT = 256,
        OPTION_HTTP,
        OPTION_METHOD,
        OPTION_SCRIPT,
        OPTION_QUERY,
        OPTION_EXPECT_FILE,
        OPTION_NUMBER
};

static const struct {
        const char *name;
        size_t offset;
        uint64_t min, max;
} numbers[] = {
#define N(name, field, min, max)                                                                                       \
        { name, offsetof(struct load_options, field), min, max }
        N("connections", n_connections, 1, LOAD_CONNECTIONS_MAX),
        N("requests", n_requests, 0, UINT64_MAX / 2),
        N("duration", duration_ms, 0, DAY_MS),
        N("rate", rate, 0, 10 * 1000 * 1000),
        N("body", n_body, 0, 64U << 20),
        N("expect-status", expect_status, 100, 999),
        N("expect-length", expect_length, 0, UINT64_MAX / 2),
        N("timeout", timeout_ms, 1, DAY_MS),
        N("max-failures", max_failures, 1, UINT64_MAX),
        N("seed", seed, 0, UINT64_MAX),
#undef N
};

static const struct option long_options[] = {
        { "connections", required_argument, NULL, OPTION_NUMBER + 0 },
        { "requests", required_argument, NULL, OPTION_NUMBER + 1 },
        { "duration", required_argument, NULL, OPTION_NUMBER + 2 },
        { "rate", required_argument, NULL, OPTION_NUMBER + 3 },
        { "body", required_argument, NULL, OPTION_NUMBER + 4 },
        { "expect-status", required_argument, NULL, OPTION_NUMBER + 5 },
        { "expect-length", required_argument, NULL, OPTION_NUMBER + 6 },
        { "timeout", required_argument, NULL, OPTION_NUMBER + 7 },
        { "max-failures", required_argument, NULL, OPTION_NUMBER + 8 },
        { "seed", required_argument, NULL, OPTION_NUMBER + 9 },
        { "connect", required_argument, NULL, OPTION_CONNECT },
        { "http", no_argument, NULL, OPTION_HTTP },
        { "keep", no_argument, NULL, 'k' },
        { "method", required_argument, NULL, OPTION_METHOD },
        { "script", required_argument, NULL, OPTION_SCRIPT },
        { "query", required_argument, NULL, OPTION_QUERY },
        { "expect-file", required_argument, NULL, OPTION_EXPECT_FILE },
        { "chaos", no_argument, NULL, 'x' },
        { "help", no_argument, NULL, 'h' },
        {},
};

static void print_help(void) {
        puts("Usage: fpmd-load --connect ADDRESS --script PATH [OPTION]...\n"
             "Loads a FastCGI server on this machine, checks every reply, and tells about it in JSON. The exit status "
             "is 0\n"
             "when all requests got the reply that was expected, or were given up on purpose.\n\n"
             "      --connect=ADDRESS    a socket's path, 127.x.x.x:PORT or [::1]:PORT; nothing else is loaded\n"
             "      --http               the server speaks HTTP; --script is the path to ask for\n"
             "      --connections=N      at a time (1)\n"
             "      --requests=N         end after so many\n"
             "      --duration=MS        begin no more after that time\n"
             "      --rate=N             a second, whatever the server does; times count from when each was due to be "
             "sent.\n"
             "                           Without: each connection sends when it has its reply\n"
             "  -k, --keep               keep connections between requests\n"
             "      --method=NAME        (GET, or POST with a body)\n"
             "      --query=STRING\n"
             "      --body=BYTES\n"
             "      --expect-status=N    (200)\n"
             "      --expect-length=N    the length of the reply's body\n"
             "      --expect-file=FILE   the very bytes of it\n"
             "      --timeout=MS         for one request (10000)\n"
             "      --max-failures=N     give up after so many (1000)\n"
             "  -x, --chaos              requests of random sizes in random pieces, with pauses, given up in the "
             "middle, read\n"
             "                           slowly, kept and not; the script must echo the body and then QUERY_STRING's n "
             "bytes\n"
             "                           of 0123456789abcdef repeated\n"
             "      --seed=N             for --chaos (1)");
}

static int refuse(const char *why) {
        fprintf(stderr, "fpmd-load: %s (see fpmd-load --help)\n", why);
        return LOAD_OPTIONS_E_USAGE;
}

static int parse_number(unsigned row, const char *arg, struct load_options *o) {
        uint64_t n;

        if (number_parse_range(arg, numbers[row].min, numbers[row].max, &n) < 0) {
                fprintf(stderr, "fpmd-load: --%s: not a number from %llu to %llu: %s\n", numbers[row].name,
                        (unsigned long long)numbers[row].min, (unsigned long long)numbers[row].max, arg);
                return LOAD_OPTIONS_E_USAGE;
        }
        memcpy((char *)o + numbers[row].offset, &n, sizeof(n));
        if (numbers[row].offset == offsetof(struct load_options, expect_length))
                o->expect_any = false;
        return 0;
}

static int parse_option(int c, const char *arg, struct load_options *o) {
        switch (c) {
        case OPTION_CONNECT:
                o->connect = arg;
                return 0;
        case OPTION_HTTP:
                o->protocol = LOAD_PROTOCOL_HTTP;
                return 0;
        case 'k':
                o->keep = true;
                return 0;
        case OPTION_METHOD:
                o->method = arg;
                return 0;
        case OPTION_SCRIPT:
                o->script = arg;
                return 0;
        case OPTION_QUERY:
                o->query = arg;
                return 0;
        case OPTION_EXPECT_FILE:
                o->expect_file = arg;
                o->expect_any = false;
                return 0;
        case 'x':
                o->chaos = true;
                return 0;
        case 'h':
                print_help();
                return LOAD_OPTIONS_E_EXIT;
        default:
                if (c >= OPTION_NUMBER && (size_t)(c - OPTION_NUMBER) < ELEMENTSOF(numbers))
                        return parse_number((unsigned)(c - OPTION_NUMBER), arg, o);
                return LOAD_OPTIONS_E_USAGE; /* getopt has said why */
        }
}

static int check_together(struct load_options *o) {
        int r;

        if (!o->connect || !o->script)
                return refuse("--connect and --script are needed");
        if (o->n_requests == 0 && o->duration_ms == 0)
                return refuse("--requests or --duration must set an end");
        if (o->chaos && (o->protocol == LOAD_PROTOCOL_HTTP || o->rate > 0 || o->n_body > 0 || *o->query))
                return refuse("--chaos chooses what it sends, as FastCGI and in a closed loop");
        if (!o->method)
                o->method = o->n_body > 0 ? "POST" : "GET";
        r = load_target_parse(o->connect, &o->target);
        if (r == -EPERM)
                return refuse("--connect: only unix sockets and loopback addresses are loaded");
        if (r < 0)
                return refuse("--connect: no such address");
        return 0;
}

int load_options_parse(int argc, char *argv[], struct load_options *ret) {
        struct load_options o = { .n_connections = 1,
                                  .query = "",
                                  .expect_status = 200,
                                  .expect_any = true,
                                  .timeout_ms = 10000,
                                  .max_failures = 1000,
                                  .seed = 1 };
        int c, r;

        while ((c = getopt_long(argc, argv, "kxh", long_options, NULL)) >= 0) {
                r = parse_option(c, optarg, &o);
                if (r != 0)
                        return r;
        }
        if (optind < argc)
                return refuse("no arguments, only options");
        r = check_together(&o);
        if (r == 0)
                *ret = o;
        return r;
}
