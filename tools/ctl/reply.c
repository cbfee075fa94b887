/* SPDX-License-Identifier: MIT */
/* Taking a reply; see reply.h. */

#include "reply.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/time.h"

#define HEAD_MAX   (256U * 1024U)
#define READ_SIZE  (64U * 1024U)
#define REQUEST_ID 1

void ctl_reply_done(struct ctl_reply *r) {
        text_done(&r->head);
        text_done(&r->errors);
}

/* "Status: 404 Not Found", RFC 3875 section 6.3.3. */
static void reply_take_header(struct ctl_reply *r, const char *line, size_t n) {
        const char *value = line + strlen("Status:");
        unsigned status;

        if (n < strlen("Status:") || strncasecmp(line, "Status:", strlen("Status:")) != 0)
                return;
        n -= strlen("Status:");
        while (n > 0 && *value == ' ') {
                value++;
                n--;
        }
        text_copy(r->reason, sizeof(r->reason), value, n);
        if (sscanf(r->reason, "%3u", &status) == 1)
                r->status = status;
}

/* Looks for the empty line that ends the headers, and reads those before it. Returns the block's size, or 0. */
static size_t reply_scan_head(struct ctl_reply *r) {
        const char *head = text_peek(&r->head), *line = head, *end;

        while ((end = memchr(line, '\n', r->head.n - (size_t)(line - head)))) {
                size_t n = (size_t)(end - line);

                if (n > 0 && line[n - 1] == '\r')
                        n--;
                if (n == 0)
                        return (size_t)(end - head) + 1;
                reply_take_header(r, line, n);
                line = end + 1;
        }
        return 0;
}

static void reply_finish_head(struct ctl_reply *r, size_t n_head) {
        const char *head = text_peek(&r->head);

        r->head_done = true;
        if (r->include_headers)
                fwrite(head, 1, n_head, stdout);
        fwrite(head + n_head, 1, r->head.n - n_head, stdout);
        text_done(&r->head);
}

void ctl_reply_stdout(struct ctl_reply *r, const uint8_t *data, size_t n) {
        size_t n_head;

        if (r->head_done) {
                fwrite(data, 1, n, stdout);
                return;
        }
        text_append_n(&r->head, data, n);
        n_head = reply_scan_head(r);
        if (n_head > 0) {
                if (r->status == 0)
                        r->status = 200;
                reply_finish_head(r, n_head);
        } else if (r->head.n > HEAD_MAX || r->head.failed)
                reply_finish_head(r, 0);
}

void ctl_reply_stderr(struct ctl_reply *r, const uint8_t *data, size_t n) {
        text_append_n(&r->errors, data, n);
}

void ctl_reply_end(struct ctl_reply *r) {
        if (!r->head_done)
                reply_finish_head(r, 0);
}

/* 1: the reply has ended; 0: more is to come; -EPROTO. */
static int reply_take_bytes(struct ctl_reply *r, struct fcgi_client *client, const uint8_t *data, size_t n,
                            enum fcgi_violation *ret_violation) {
        for (;;) {
                struct fcgi_client_event event;
                size_t used;

                fcgi_client_step(client, data, n, &used, &event);
                data += used;
                n -= used;
                switch (event.type) {
                case FCGI_CLIENT_MORE:
                        return 0;
                case FCGI_CLIENT_STDOUT:
                        ctl_reply_stdout(r, event.data, event.n);
                        break;
                case FCGI_CLIENT_STDERR:
                        ctl_reply_stderr(r, event.data, event.n);
                        break;
                case FCGI_CLIENT_END:
                        r->app_status = event.app_status;
                        r->protocol_status = event.status;
                        ctl_reply_end(r);
                        return 1;
                case FCGI_CLIENT_VIOLATION:
                        *ret_violation = event.violation;
                        return -EPROTO;
                }
        }
}

static int reply_read_some(int fd, struct ctl_reply *r, struct fcgi_client *client,
                           enum fcgi_violation *ret_violation) {
        uint8_t buf[READ_SIZE];
        ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        return reply_take_bytes(r, client, buf, (size_t)n, ret_violation);
}

/* A server that stops reading may still have an answer: from then on there is nothing left to send. */
static void reply_write_some(int fd, const uint8_t **data, size_t *n) {
        ssize_t sent = send(fd, *data, *n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent >= 0) {
                *data += sent;
                *n -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR)
                *n = 0;
}

static int reply_wait_for(int fd, bool writing, usec_t deadline, short *ret_events) {
        struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (writing ? POLLOUT : 0)) };
        int timeout = -1, n;

        if (deadline > 0) {
                usec_t now = time_now();

                if (now >= deadline)
                        return -ETIME;
                timeout = time_left_msec(now, deadline);
        }
        n = poll(&p, 1, timeout);
        if (n < 0 && errno != EINTR)
                return -errno;
        *ret_events = n > 0 ? p.revents : 0;
        return 0;
}

int ctl_reply_exchange(int fd, const struct ctl_request *request, struct ctl_reply *r,
                       enum fcgi_violation *ret_violation) {
        usec_t deadline = request->timeout > 0 ? time_now() + request->timeout : 0;
        const uint8_t *data = request->data;
        size_t n = request->n;
        struct fcgi_client client = {};

        fcgi_client_begin(&client, REQUEST_ID);
        for (;;) {
                short events = 0;
                int e;

                e = reply_wait_for(fd, n > 0, deadline, &events);
                if (e < 0)
                        return e;
                if (events & POLLOUT)
                        reply_write_some(fd, &data, &n);
                if (!(events & (POLLIN | POLLHUP | POLLERR)))
                        continue;
                e = reply_read_some(fd, r, &client, ret_violation);
                if (e != 0)
                        return MIN(e, 0);
        }
}
