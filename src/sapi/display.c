/* SPDX-License-Identifier: MIT */
/*
 * With display_startup_errors and display_errors, which are on where no php.ini says otherwise, PHP prints what is
 * wrong with its start-up to stdout, as HTML, instead of handing it to the log. That is caught here and told as text:
 * the service's stdout is no place for it, and workers would have the rest of it in their buffers. Under php-fpm's name
 * it goes nowhere, as there, unless the start-up failed for it; or it stays on stdout, where the command line asks PHP
 * about itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"

#define DISPLAY_BYTES_MAX ((size_t)1 << 20)

static int display_saved = -1;
static bool display_stays;

void sapi_display_stay(void) {
        display_stays = program_is_php_fpm();
}

int sapi_display_begin(void) {
        _cleanup_fd_ int file = -1, saved = -1;

        if (display_stays)
                return 0;
        file = fd_new_memfd("php-start-up");
        if (file < 0)
                return file;
        fflush(stdout);
        saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (saved < 0 || dup2(file, STDOUT_FILENO) < 0)
                return -errno;
        display_saved = TAKE_FD(saved);
        return 0;
}

/* What has been printed; the caller's. NULL: nothing, or nothing that can be read. */
static char *display_take(void) {
        char *all = NULL;
        size_t n = 0;

        fflush(stdout);
        if (lseek(STDOUT_FILENO, 0, SEEK_SET) < 0 || fd_read_all(STDOUT_FILENO, DISPLAY_BYTES_MAX, &all, &n) < 0)
                all = NULL;
        (void)dup2(display_saved, STDOUT_FILENO);
        display_saved = fd_close(display_saved);
        if (all && n == 0)
                free(TAKE_PTR(all));
        return all;
}

/* The length of the tag at s, of those that PHP puts around its messages. */
static size_t display_tag(const char *s) {
        static const char *const tags[] = { "<br />", "<b>", "</b>" };

        for (size_t i = 0; i < ELEMENTSOF(tags); i++)
                if (strncmp(s, tags[i], strlen(tags[i])) == 0)
                        return strlen(tags[i]);
        return 0;
}

/* A line without tags; *p is behind it then. False: there are no more. */
static bool display_line(const char **p, struct text *ret) {
        const char *s = *p;

        if (!*s)
                return false;
        while (*s && *s != '\n') {
                size_t n = display_tag(s);

                if (n == 0)
                        text_append_c(ret, *s++);
                s += n;
        }
        *p = s + (*s == '\n');
        return true;
}

char *sapi_display_end(bool failed, bool told) {
        _cleanup_text_ struct text reason = { 0 };
        char *all, *ret = NULL;
        bool more;

        if (display_stays)
                return failed ? strdup("its module start-up failed") : NULL;
        all = display_take();
        for (const char *p = all; p; p = more ? p : NULL) {
                _cleanup_text_ struct text line = { 0 };

                more = display_line(&p, &line);
                if (!*text_peek(&line))
                        continue;
                if (failed)
                        text_printf(&reason, "%sPHP %s", *text_peek(&reason) ? "; " : "", text_peek(&line));
                else if (!told && !program_is_php_fpm())
                        log_warning("PHP %s", text_peek(&line));
        }
        free(all);
        if (*text_peek(&reason) && text_finish(&reason, &ret, NULL) < 0)
                ret = NULL;
        return ret;
}
