/* SPDX-License-Identifier: MIT */
/*
 * fpmd-load: a FastCGI client in numbers. It exists because tools for HTTP measure a web server as well, and because
 * none of them checks replies, counts from the time a request was due, or misbehaves on purpose.
 */

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "options.h"
#include "report.h"

enum { EXIT_DONE = 0, EXIT_FAILED_REQUESTS = 1, EXIT_USAGE = 2, EXIT_BROKEN = 3 };

int main(int argc, char *argv[]) {
        static struct load_result result; /* too large for a stack's taste */
        _cleanup_text_ struct text out = {};
        struct load_options options;
        int r;

        r = load_options_parse(argc, argv, &options);
        if (r != 0)
                return r == CLI_E_EXIT ? EXIT_DONE : EXIT_USAGE;
        r = load_run(&options, &result);
        if (r < 0) {
                fprintf(stderr, "fpmd-load: %s\n", strerror(-r));
                return EXIT_BROKEN;
        }
        load_report_render(&options, &result, &out);
        if (out.failed || fputs(text_peek(&out), stdout) < 0 || fflush(stdout) != 0)
                return EXIT_BROKEN;
        return load_run_failures(&result) > 0 ? EXIT_FAILED_REQUESTS : EXIT_DONE;
}
