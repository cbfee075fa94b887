/* SPDX-License-Identifier: MIT */
/* The command line as a table, and what goes together. */

#include "options.h"

#include <errno.h>

#include "base/macros.h"
#include "base/text.h"
#include "cli.h"
#include "target.h"

#define DAY_MS (24ULL * 3600 * 1000)

static const char help[] =
        "Usage: fpmd-load --connect ADDRESS --script PATH [OPTION]...\n"
        "Loads a FastCGI server on this machine, checks every reply, and tells about it in JSON. The exit status "
        "is 0\n"
        "when all requests got the reply that was expected, or were given up on purpose.\n\n"
        "      --connect=ADDRESS    a socket's path, 127.x.x.x:PORT or [::1]:PORT; nothing else is loaded\n"
        "      --connecting=HOW     blocking: a request is sent right after connect(2); nonblocking: when the socket\n"
        "                           is told to be writable, as event loops do (blocking)\n"
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
        "      --uri=STRING         what the browser has asked for: REQUEST_URI (the script's name and the query)\n"
        "      --cookie=STRING      what it has of cookies\n"
        "      --body=BYTES\n"
        "      --form=FILE          the body is a form's fields, as they are in the file\n"
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
        "      --seed=N             for --chaos (1)";

// clang-format off
#define F(name, letter, field)   { name, letter, CLI_FLAG, offsetof(struct load_options, field), 0, 0 }
#define T(name, field)           { name, 0, CLI_TEXT, offsetof(struct load_options, field), 0, 0 }
#define N(name, field, min, max) { name, 0, CLI_NUMBER, offsetof(struct load_options, field), min, max }
// clang-format on

static const struct cli_row rows[] = {
        T("connect", connect),
        T("connecting", connecting),
        F("http", 0, http),
        N("connections", n_connections, 1, LOAD_CONNECTIONS_MAX),
        N("requests", n_requests, 0, UINT64_MAX / 2),
        N("duration", duration_ms, 0, DAY_MS),
        N("rate", rate, 0, 10 * 1000 * 1000),
        F("keep", 'k', keep),
        T("method", method),
        T("script", script),
        T("query", query),
        T("uri", uri),
        T("cookie", cookie),
        N("body", n_body, 0, 64U << 20),
        T("form", form),
        N("expect-status", expect_status, 100, 999),
        N("expect-length", expect_length, 0, UINT64_MAX / 2),
        T("expect-file", expect_file),
        N("timeout", timeout_ms, 1, DAY_MS),
        N("max-failures", max_failures, 1, UINT64_MAX),
        F("chaos", 'x', chaos),
        N("seed", seed, 0, UINT64_MAX),
};

static const struct cli cli = { .tool = "fpmd-load", .help = help, .rows = rows, .n_rows = ELEMENTSOF(rows) };

static int options_check_together(struct load_options *o) {
        int r;

        if (!o->connect || !o->script)
                return cli_refuse(&cli, "--connect and --script are needed");
        if (o->n_requests == 0 && o->duration_ms == 0)
                return cli_refuse(&cli, "--requests or --duration must set an end");
        if (o->form && o->n_body > 0)
                return cli_refuse(&cli, "a body is --body's or --form's");
        if (o->http && (o->uri || o->cookie))
                return cli_refuse(&cli, "--uri and --cookie are parameters of FastCGI");
        if (o->chaos && (o->http || o->form || o->rate > 0 || o->n_body > 0 || *o->query))
                return cli_refuse(&cli, "--chaos chooses what it sends, as FastCGI and in a closed loop");
        o->nonblocking = text_equal(o->connecting, "nonblocking");
        if (!o->nonblocking && !text_equal(o->connecting, "blocking"))
                return cli_refuse(&cli, "--connecting is blocking or nonblocking");
        if (!o->method)
                o->method = o->n_body > 0 || o->form ? "POST" : "GET";
        r = load_target_parse(o->connect, &o->target);
        if (r == -EPERM)
                return cli_refuse(&cli, "--connect: only unix sockets and loopback addresses are loaded");
        if (r < 0)
                return cli_refuse(&cli, "--connect: no such address");
        return 0;
}

int load_options_parse(int argc, char *argv[], struct load_options *ret) {
        struct load_options o = { .n_connections = 1,
                                  .connecting = "blocking",
                                  .query = "",
                                  .expect_status = 200,
                                  .expect_length = LOAD_LENGTH_ANY,
                                  .timeout_ms = 10000,
                                  .max_failures = 1000,
                                  .seed = 1 };
        int r;

        r = cli_parse(&cli, argc, argv, &o);
        if (r == 0)
                r = options_check_together(&o);
        if (r == 0)
                *ret = o;
        return r;
}
