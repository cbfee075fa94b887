/* SPDX-License-Identifier: MIT */
/* Words for a terminal. Whatever a worker or a client made up is cleaned of control characters before it gets there. */

#include <errno.h>
#include <stdio.h>

#include "ctl.h"
#include "status/text.h"

void ctl_print_error(const char *fmt, ...) {
        va_list ap;

        fflush(stdout);
        fputs("fpmctl: ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
}

void ctl_print_span(usec_t span, struct text *out) {
        static const struct {
                usec_t size;
                const char *name;
        } units[] = {
                { 86400 * USEC_PER_SEC, "d" }, { 3600 * USEC_PER_SEC, "h" }, { 60 * USEC_PER_SEC, "m" },
                { USEC_PER_SEC, "s" },         { USEC_PER_MSEC, "ms" },      { 1, "us" },
        };
        size_t i = 0;

        while (i < ELEMENTSOF(units) - 1 && span < units[i].size)
                i++;
        text_printf(out, "%llu%s", (unsigned long long)(span / units[i].size), units[i].name);
        if (i < 3) /* from minutes on the next unit matters too */
                text_printf(out, " %llu%s", (unsigned long long)(span % units[i].size / units[i + 1].size),
                            units[i + 1].name);
}

void ctl_print_cell(const char *s, int width, struct text *out) {
        size_t before = out->n;

        status_text_clean(s, out);
        while (out->n < before + (size_t)width && !out->failed)
                text_append_c(out, ' ');
}
