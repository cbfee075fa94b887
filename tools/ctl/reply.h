/* SPDX-License-Identifier: MIT */
#pragma once
/* A FastCGI reply on its way to stdout: the header block is read for its status, the body passed on as it comes. */

#include "base/text.h"
#include "fcgi/client.h"

struct ctl_reply {
        bool include_headers;
        struct text head; /* collected until its empty line */
        bool head_done;
        unsigned status;    /* HTTP's; 200 where the reply names none */
        char reason[64];    /* "404 Not Found" */
        struct text errors; /* the FCGI_STDERR stream */
        uint32_t app_status;
        uint8_t protocol_status;
};

void ctl_reply_done(struct ctl_reply *r);
#define _cleanup_reply_ _cleanup_(ctl_reply_done)

void ctl_reply_stdout(struct ctl_reply *r, const uint8_t *data, size_t n);
void ctl_reply_stderr(struct ctl_reply *r, const uint8_t *data, size_t n);

/* The reply has ended. A block of headers without an end is printed as it is; status is 0 then. */
void ctl_reply_end(struct ctl_reply *r);

/*
 * Sends a request on a nonblocking socket and takes the reply, both at once: a server may answer before it has read the
 * body. 0; -ETIME; -ECONNRESET (closed before the end of the reply); -EPROTO (*ret_violation says what); other -errno.
 */
struct ctl_request {
        const uint8_t *data;
        size_t n;
        uint64_t timeout; /* usec, for all of it; 0: none */
};
int ctl_reply_exchange(int fd, const struct ctl_request *request, struct ctl_reply *r,
                       enum fcgi_violation *ret_violation);
