/* SPDX-License-Identifier: MIT */
/*
 * The request's body. PHP asks for it through two doors: while a request starts, for form posts, which it reads whole
 * to fill $_POST and $_FILES; and from php://input. Both keep what was read in a temporary stream, which PHP moves to a
 * file above 16 KiB; a body of usual size costs a dozen system calls by that. The streams that are made here stay in
 * memory further than that.
 *
 * PHP's default reader would also swallow every other POST body before the script runs. Ours leaves those on the
 * connection until php://input is read: a script that refuses an upload by its headers never receives it. One that ends
 * its reply with fastcgi_finish_request() can read it afterwards as well, so what is left of it is received then. One
 * that seeks in it gets it as far as that.
 *
 * A body that its client does not end is no body: a form that is cut off is not given to a script, which could not
 * tell, and a script that reads php://input is told.
 *
 * How much there is: CONTENT_LENGTH says it, and no byte behind that is read, as with php-fpm. Where it is not there,
 * or no number (a web server may pass a chunked body on while it arrives: Caddy then says -1) the end is that of
 * FCGI_STDIN.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "sapi/internal.h"

#include "base/fd.h"

static struct {
        int fd;      /* REQUEST_BODY_FILE: the web server has stored the body there */
        bool opened; /* or tried in vain */
} body = { .fd = -1 };

#define BODY_BLOCK SAPI_POST_BLOCK_SIZE /* what PHP reads at once */

/* Above this a body goes to a temporary file. It counts as the script's memory: a script with little of that keeps
 * PHP's own bound. */
#define BODY_MEMORY_MAX   (256 * 1024)
#define BODY_MEMORY_SHARE 32 /* of memory_limit */

static void (*body_read_form_by_php)(void);

static bool body_is_in_a_file(void) {
        const char *path = SAPI_ENV("REQUEST_BODY_FILE");

        return path && *path;
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
        return r < 0 ? -errno : r;
}

/* There is less of the body than there should be. Before the script runs nobody is to be told: it will not, see
 * request.c. Later it is as if output had found out: the script ends here, or, when it ignores that, sees the end of
 * the body, and connection_aborted(). */
static void body_tell_cut(int64_t n) {
        if (PG(during_request_startup) || sapi_current.ended)
                return;
        php_error_docref(NULL, E_WARNING, "the request's body is cut off after %" PRId64 " bytes: %s", n,
                         strerror(-sapi_current.body_error));
        php_handle_aborted_connection();
}

/* PHP takes a short read for the end of the body: only the end may be short. */
size_t sapi_body_read(char *buf, size_t n) {
        size_t done = 0;
        int64_t left = INT64_MAX;
        ssize_t r;

        if (!sapi_current.io)
                return 0;
        if (!sapi_current.unmeasured)
                left = SG(request_info).content_length - SG(read_post_bytes);
        if (left <= 0)
                return 0;
        if (!body.opened)
                body_open();
        if (body_is_in_a_file() && body.fd < 0)
                return 0;
        n = (size_t)MIN((uint64_t)n, (uint64_t)left);
        while (done < n) {
                r = body_read_some(buf + done, n - done);
                if (r < 0)
                        sapi_current.body_error = (int)r;
                if (r <= 0)
                        break;
                done += (size_t)r;
        }
        if (done < n && sapi_current.body_error < 0)
                body_tell_cut(SG(read_post_bytes) + (int64_t)done);
        return done;
}

static php_stream_ops body_ops; /* of a temporary stream, but for the seek */

static php_stream *body_make_stream(void) {
        zend_long max = BODY_MEMORY_MAX;

        if (PG(memory_limit) > 0)
                max = MIN(max, PG(memory_limit) / BODY_MEMORY_SHARE);
        return php_stream_temp_create_ex(TEMP_STREAM_DEFAULT, (size_t)MAX(max, (zend_long)BODY_BLOCK),
                                         PG(upload_tmp_dir));
}

/* A GET without CONTENT_LENGTH has none. */
static bool body_is_likely(void) {
        const char *method = SG(request_info).request_method;

        if (!sapi_current.unmeasured)
                return SG(request_info).content_length > 0;
        return method && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* Reads on, to offset or to the body's end, and puts what comes behind what the stream has. 0, or -1: it cannot be put
 * there. */
static int body_read_on(php_stream *stream, zend_off_t offset) {
        while (!SG(post_read) && SG(read_post_bytes) < offset) {
                char block[BODY_BLOCK];
                size_t n = sapi_read_post_block(block, sizeof(block));

                if (n > 0 && php_stream_temp_ops.write(stream, block, n) != (ssize_t)n)
                        return -1;
        }
        return 0;
}

/* A script seeks in php://input, maybe before it has read anything: to where the connection has not been read yet. PHP
 * seeks to the end itself, to put down what it has just read, and then wants to get to where the stream ends now. */
static int body_seek(php_stream *stream, zend_off_t offset, int whence, zend_off_t *ret) {
        zend_off_t size;

        if (!SG(post_read) && (whence == SEEK_END || offset > SG(read_post_bytes))) {
                if (php_stream_temp_ops.seek(stream, 0, SEEK_END, &size) < 0)
                        return -1;
                if (size == SG(read_post_bytes) &&
                    body_read_on(stream, whence == SEEK_END ? ZEND_LONG_MAX : offset) < 0)
                        return -1;
        }
        return php_stream_temp_ops.seek(stream, offset, whence, ret);
}

/* For php://input, which takes the stream that is there. Bodies of forms have theirs, or are taken apart while they are
 * read. */
void sapi_body_prepare(void) {
        if (SG(request_info).request_body || SG(request_info).post_entry || !body_is_likely())
                return;
        SG(request_info).request_body = body_make_stream();
        SG(request_info).request_body->ops = &body_ops;
}

static bool body_is_too_large(void) {
        return SG(post_max_size) > 0 && SG(request_info).content_length > SG(post_max_size);
}

static void body_warn_of_size(void) {
        php_error_docref(NULL, E_WARNING,
                         "POST Content-Length of " ZEND_LONG_FMT " bytes exceeds the limit of " ZEND_LONG_FMT " bytes",
                         SG(request_info).content_length, SG(post_max_size));
}

/* Half a form is none, for $_POST and for php://input. */
static void body_leave_out(php_stream *stream) {
        php_stream_truncate_set_size(stream, 0);
        SG(post_read) = 1;
}

/* All of a form's body, for PHP to take apart, and for php://input. A script can ask for that itself,
 * request_parse_body(), and then has PHP's reader. */
static void body_read_form(void) {
        php_stream *stream;
        size_t n;

        if (!PG(during_request_startup)) {
                body_read_form_by_php();
                return;
        }
        if (body_is_too_large()) {
                body_warn_of_size();
                return;
        }
        stream = SG(request_info).request_body = body_make_stream();
        do {
                char block[BODY_BLOCK];

                n = sapi_read_post_block(block, sizeof(block));
                if (n > 0 && php_stream_write(stream, block, n) != (ssize_t)n) {
                        body_leave_out(stream);
                        php_error_docref(NULL, E_WARNING, "the form could not be buffered and is left out");
                        break;
                }
                if (SG(post_max_size) > 0 && SG(read_post_bytes) > SG(post_max_size)) {
                        body_leave_out(stream);
                        php_error_docref(NULL, E_WARNING,
                                         "Actual POST length does not match Content-Length, and exceeds " ZEND_LONG_FMT
                                         " bytes",
                                         SG(post_max_size));
                        break;
                }
        } while (n == BODY_BLOCK);
        php_stream_rewind(stream);
}

/* In place of PHP's default post reader, for bodies that are no form. */
static void body_check_size(void) {
        if (!SG(request_info).post_entry && body_is_too_large())
                body_warn_of_size();
}

uint64_t sapi_body_left(void) {
        int64_t max = SG(post_max_size) > 0 ? SG(post_max_size) : INT64_MAX;

        if (!sapi_current.io || body_is_in_a_file() || body_is_too_large())
                return 0;
        if (!sapi_current.unmeasured)
                max = SG(request_info).content_length;
        return (uint64_t)(max - MIN(max, SG(read_post_bytes)));
}

/* As PHP finds it, without its allocations: this is no moment for them to fail. */
const char *sapi_body_folder(void) {
        const char *candidates[] = { PG(upload_tmp_dir), PG(sys_temp_dir), getenv("TMPDIR") };

        for (size_t i = 0; i < ELEMENTSOF(candidates); i++)
                if (candidates[i] && *candidates[i])
                        return candidates[i];
        return "/tmp";
}

void sapi_body_keep(void) {
        const char *method = SG(request_info).request_method;
        bool read = method && strcmp(method, "POST") == 0 && PG(enable_post_data_reading);
        int r = sapi_current.io->keep_body(sapi_current.ctx, read ? sapi_body_left() : 0);

        if (r < 0)
                sapi_current.body_error = r;
        if (r < 0 && r != -ECONNRESET && r != -EPIPE && r != -ECONNABORTED)
                php_error_docref(NULL, E_WARNING, "the request's body could not be kept: %s", strerror(-r));
}

void sapi_body_start(void) {
        sapi_post_entry *form =
                zend_hash_str_find_ptr(&SG(known_post_content_types), ZEND_STRL(DEFAULT_POST_CONTENT_TYPE));

        body_ops = php_stream_temp_ops;
        body_ops.seek = body_seek;
        sapi_register_default_post_reader(body_check_size);
        if (!form || form->post_reader != sapi_read_standard_form_data)
                return;
        body_read_form_by_php = form->post_reader;
        form->post_reader = body_read_form;
}

void sapi_body_end(void) {
        body.fd = fd_close(body.fd);
        body.opened = false;
}
