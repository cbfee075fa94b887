/* SPDX-License-Identifier: MIT */
/*
 * The request's body. PHP asks for it through two doors: while a request starts, for form posts, which it reads whole
 * to fill $_POST and $_FILES; and from php://input, which keeps what it has read in a temporary stream of its own.
 * PHP's default reader would also swallow every other POST body before the script runs. Ours leaves those on the
 * connection until php://input is read: a script that refuses an upload by its headers never receives it.
 *
 * How much there is: CONTENT_LENGTH says it, and no byte behind that is read, as with php-fpm. Where there is no length (a web server
 * may pass a chunked body on while it arrives) the end is that of FCGI_STDIN.
 */

#include <errno.h>
#include <fcntl.h>

#include "sapi/internal.h"

#include "base/fd.h"

static struct {
        int fd;      /* REQUEST_BODY_FILE: the web server has stored the body there */
        bool opened; /* or tried in vain */
} body = { .fd = -1 };

static bool body_is_unmeasured(void) {
        const char *length = SAPI_ENV("CONTENT_LENGTH");

        return !length || !*length;
}

static void body_open(void) {
        const char *path = SAPI_ENV("REQUEST_BODY_FILE");

        body.opened = true;
        if (!path || !*path)
                return;
        body.fd = open(path, O_RDONLY | O_CLOEXEC);
        if (body.fd < 0)
                php_error_docref(NULL, E_WARNING, "cannot open the request's body, REQUEST_BODY_FILE %s: %s", path,
                                 strerror(errno));
}

static ssize_t body_read_some(char *buf, size_t n) {
        ssize_t r;

        if (body.fd < 0)
                return sapi_current.io->read_body(sapi_current.ctx, buf, n);
        do
                r = read(body.fd, buf, n);
        while (r < 0 && errno == EINTR);
        return r;
}

/* PHP takes a short read for the end of the body: only the end may be short. */
size_t sapi_body_read(char *buf, size_t n) {
        size_t done = 0;
        int64_t left = INT64_MAX;
        ssize_t r;

        if (!sapi_current.io || sapi_current.finished)
                return 0;
        if (!body_is_unmeasured())
                left = SG(request_info).content_length - SG(read_post_bytes);
        if (left <= 0)
                return 0;
        if (!body.opened)
                body_open();
        if (SAPI_ENV("REQUEST_BODY_FILE") && *SAPI_ENV("REQUEST_BODY_FILE") && body.fd < 0)
                return 0;
        n = (size_t)MIN((uint64_t)n, (uint64_t)left);
        while (done < n) {
                r = body_read_some(buf + done, n - done);
                if (r <= 0)
                        break;
                done += (size_t)r;
        }
        return done;
}

/* In place of PHP's default post reader, for bodies that are no form. */
void sapi_body_check_size(void) {
        if (SG(request_info).post_entry || SG(post_max_size) <= 0 ||
            SG(request_info).content_length <= SG(post_max_size))
                return;
        php_error_docref(NULL, E_WARNING,
                         "POST Content-Length of " ZEND_LONG_FMT " bytes exceeds the limit of " ZEND_LONG_FMT " bytes",
                         SG(request_info).content_length, SG(post_max_size));
}

void sapi_body_end(void) {
        body.fd = fd_close(body.fd);
        body.opened = false;
}
