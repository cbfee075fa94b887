/* SPDX-License-Identifier: MIT */
/*
 * A refusal costs the park some 20 microseconds and no worker anything. Its page is read at the start, and again when
 * a look at it, once in a second, finds it changed: what is there is what is sent, and a crowd costs no crowd of reads.
 */

#include "park/refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "fcgi/reply.h"
#include "log/log.h"
#include "park/complaints.h"
#include "park/limits.h"
#include "park/receiving.h"
#include "park/request.h"
#include "park/writing.h"

#define REFUSE_PAGE_TIME USEC_PER_SEC
#define REFUSE_PAGE_MAX  61440U /* beside its head in one record */

/* The page, and when it was looked at: one process has one pool. */
static struct {
        uint8_t bytes[REFUSE_PAGE_MAX + 1]; /* the last byte tells that there is more */
        size_t n;
        usec_t looked;
        struct stat is; /* of what has been read; zero: nothing */
} refuse_page;

static void refuse_complain_page(struct park *park, const char *why) {
        unsigned long long n_silenced;

        if (complaints_may_log(park, COMPLAINT_PAGE, &n_silenced))
                log_warning("queue.body: %s: %s (%llu more since the last such line)", park->pool->queue_body, why,
                            n_silenced);
}

static bool refuse_page_is(const struct stat *now) {
        const struct stat *then = &refuse_page.is;

        return now->st_dev == then->st_dev && now->st_ino == then->st_ino && now->st_size == then->st_size &&
               now->st_mtim.tv_sec == then->st_mtim.tv_sec && now->st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
               now->st_ctim.tv_sec == then->st_ctim.tv_sec && now->st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

enum { REFUSE_E_NO_FILE = 1 };

/* As it is: 0, -errno, or REFUSE_E_NO_FILE, and it is empty then. */
static int refuse_read_page(const char *path) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n = 0;
        int r = 0;

        if (fd < 0 || fstat(fd, &refuse_page.is) < 0)
                r = -errno;
        else if (!S_ISREG(refuse_page.is.st_mode))
                r = REFUSE_E_NO_FILE;
        else {
                n = read(fd, refuse_page.bytes, sizeof(refuse_page.bytes));
                r = n < 0 ? -errno : 0;
        }
        refuse_page.n = n < 0 ? 0 : (size_t)n;
        if (r != 0)
                refuse_page.is = (struct stat){};
        return r;
}

void refuse_look_at_page(struct park *park) {
        const char *path = park->pool->queue_body;
        struct stat now;
        int r;

        if (!path || (refuse_page.looked > 0 && park->now - refuse_page.looked < REFUSE_PAGE_TIME))
                return;
        refuse_page.looked = park->now;
        if (stat(path, &now) == 0 && refuse_page_is(&now))
                return;
        r = refuse_read_page(path);
        if (r != 0)
                refuse_complain_page(park, r == REFUSE_E_NO_FILE ? "it is no regular file" : strerror(-r));
        if (refuse_page.n <= REFUSE_PAGE_MAX)
                return;
        refuse_page.n = REFUSE_PAGE_MAX;
        refuse_complain_page(park, "it is longer than 60 KiB, and cut there");
}

static void refuse_append_body(struct park *park, struct text *out) {
        refuse_look_at_page(park);
        if (park->pool->queue_body && refuse_page.n > 0)
                text_append_n(out, refuse_page.bytes, refuse_page.n);
        else
                text_append(out, "Too many requests wait here. Try again later.\n");
}

/* The line is one of HTTP's only with a reason, and some web servers pass it on as it is. */
static const char *refuse_reason(unsigned status) {
        static const struct {
                unsigned status;
                const char *reason;
        } rows[] = {
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 408, "Request Timeout" },
                { 429, "Too Many Requests" },
                { 500, "Internal Server Error" },
                { 502, "Bad Gateway" },
                { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (rows[i].status == status)
                        return rows[i].reason;
        return "Refused";
}

/* What a web server takes for the reply of a script. */
static void refuse_make_reply(struct park *park, bool no_body, struct text *out) {
        const struct conf_pool *pool = park->pool;

        text_printf(out, "Status: %u %s\r\n", pool->queue_status, refuse_reason(pool->queue_status));
        if (pool->queue_retry_after > 0)
                text_printf(out, "Retry-After: %llu\r\n", (unsigned long long)(pool->queue_retry_after / USEC_PER_SEC));
        text_append(out, "Cache-Control: no-store\r\n");
        text_printf(out, "Content-Type: %s\r\n\r\n",
                    pool->queue_body ? "text/html; charset=UTF-8" : "text/plain; charset=UTF-8");
        if (!no_body)
                refuse_append_body(park, out);
}

/* What has come behind it waits for its reply to be out, and is looked at then. Where it has no room its client is told
 * by the connection's end. False: c had to be closed. */
static bool refuse_keep_rest(struct park *park, struct connection *c, const uint8_t *rest, size_t n) {
        c->begun = n > 0 ? park->now : 0;
        if (c->n_in > 0) {
                memmove(c->in, rest, n);
                park->n_bytes -= c->n_in - n;
                c->n_in = n;
                return true;
        }
        if (limits_make_room(park, c, n))
                return receiving_store(park, c, rest, n);
        c->flags = HANDOVER_LINGER;
        return true;
}

/* Its bytes go: it is answered. What may still come of it is thrown away. False: c had to be closed. */
static bool refuse_forget(struct park *park, struct connection *c, const struct request *r) {
        c->flags = r->whole && r->keep ? HANDOVER_KEEP : r->ended ? 0 : HANDOVER_LINGER;
        c->skip = r->keep ? r->n_missing : 0;
        c->scan = (struct fcgi_scan){};
        return refuse_keep_rest(park, c, r->behind, r->keep ? r->n_behind : 0);
}

static void refuse_tell(struct park *park, const struct connection *c, enum complaint what) {
        unsigned long long n_silenced;

        atomic_fetch_add_explicit(
                &park->overload[what == COMPLAINT_LATE ? SCOREBOARD_OVERLOAD_late : SCOREBOARD_OVERLOAD_too_many], 1,
                memory_order_relaxed);
        if (!complaints_may_log(park, what, &n_silenced))
                return;
        if (what == COMPLAINT_LATE)
                log_warning(
                        "a request is answered %u: it has waited for a worker for %.3f sec, queue.max_wait = %.3f sec "
                        "(%llu more since the last such line)",
                        park->pool->queue_status, (double)(park->now - c->since) / (double)USEC_PER_SEC,
                        (double)park->pool->queue_max_wait / (double)USEC_PER_SEC, n_silenced);
        else if (what == COMPLAINT_ROOM)
                log_warning("a request is answered %u: it does not fit beside those that wait for a worker, "
                            "park.max_bytes = %llu (%llu more since the last such line)",
                            park->pool->queue_status, (unsigned long long)park->pool->park_max_bytes, n_silenced);
        else
                log_warning("a request is answered %u: as many as queue.max_length = %u wait for a worker "
                            "(%llu more since the last such line)",
                            park->pool->queue_status, park->pool->queue_max_length, n_silenced);
}

static bool refuse(struct park *park, struct connection *c, const struct request *r, enum complaint why) {
        _cleanup_text_ struct text reply = {};
        size_t n;

        if (!r->begun || r->page)
                return false;
        refuse_make_reply(park, r->no_body, &reply);
        if (reply.failed)
                return false;
        refuse_tell(park, c, why);
        if (!refuse_forget(park, c, r))
                return true;
        n = fcgi_reply_whole(park->buf, r->id, text_peek(&reply), reply.n);
        writing_begin(park, c, &(struct handover){ .flags = c->flags, .n_out = (uint32_t)n }, park->buf);
        return true;
}

bool refuse_request(struct park *park, struct connection *c, enum scoreboard_overload_number why) {
        struct request r;

        request_read(park->pool, c->in, c->n_in, &r);
        return refuse(park, c, &r, why == SCOREBOARD_OVERLOAD_late ? COMPLAINT_LATE : COMPLAINT_LENGTH);
}

bool refuse_unstored(struct park *park, struct connection *c, const uint8_t *in, size_t n) {
        struct request r;

        request_read(park->pool, in, n, &r);
        return refuse(park, c, &r, COMPLAINT_ROOM);
}
