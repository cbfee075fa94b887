/* SPDX-License-Identifier: MIT */
/*
 * Patience is charged while a receiver takes nothing: a slow reader is waited for without end, one that has stopped for
 * that long is not waited for again until it has taken something. That it took something shows in a write that goes, or
 * in less that waits in the pipe: others write there too, and may be faster.
 *
 * A line of more than PIPE_BUF bytes may go into a pipe in several writes. So that no other process's line comes in
 * between, a pipe is written to under a lock, fcntl(2)'s, which a process that dies leaves. Its holder may be a
 * process of another pool: for who keeps it while the reader takes nothing, nobody waits longer than a second, and then
 * it is passed over.
 *
 * A queue holds whole entries. Of a receiver that has stopped the oldest are kept, since the first lines of a trouble
 * tell more than the last ones. A pipe without a reader may get another one, if it is a FIFO: a process with a queue
 * keeps the entries till then, one that waits does not wait for that.
 */

#include "log/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "log/journal.h"
#include "log/line.h"
#include "log/syslog.h"

/* The longest sleep while waiting: a wake-up may go to another writer. */
#define OUT_SLICE (50 * USEC_PER_MSEC)

#define OUT_LOCK_PATIENCE USEC_PER_SEC
#define OUT_LOCK_SLICE    USEC_PER_MSEC

/* A process that gets SIGTERM is killed soon after. */
#define OUT_LAST_WAIT (500 * USEC_PER_MSEC)

struct log_queued {
        struct log_queued *next;
        size_t n, at; /* bytes, and how many of them are out */
        char data[];
};

static struct {
        usec_t patience;
        size_t queue;
        _Atomic uint64_t *lost;
        uint64_t n_lost;
        struct log_out *waiting;
} out_state;

const char *log_out_kind_name(enum log_kind kind) {
        static const char *const names[_LOG_KIND_MAX] = {
#define X(symbol, name) [LOG_KIND_##symbol] = name,
                LOG_KINDS(X)
#undef X
        };

        return names[kind];
}

void log_out_init(usec_t patience, size_t queue, _Atomic uint64_t *lost) {
        out_state.patience = patience;
        out_state.queue = queue;
        out_state.lost = lost;
}

uint64_t log_out_lost(void) {
        return out_state.n_lost;
}

void log_out_lose(enum log_kind kind) {
        out_state.n_lost++;
        if (out_state.lost)
                atomic_fetch_add_explicit(&out_state.lost[kind], 1, memory_order_relaxed);
}

/* What waits there for its reader, of all writers: less than before means that it reads. -1: it cannot be told. */
static int out_unread(const struct log_out *o) {
        int n = -1;

        if (ioctl(o->fd, FIONREAD, &n) == 0 && !o->journal)
                return n;
        return fd_unsent(o->fd);
}

static bool out_is_pipe(struct log_out *o) {
        struct stat st;

        if (o->looked_at != o->fd) {
                o->is_pipe = fstat(o->fd, &st) == 0 && S_ISFIFO(st.st_mode);
                o->looked_at = o->fd;
        }
        return o->is_pipe;
}

static void out_lose(const struct log_out *o) {
        if (!o->lost) {
                log_out_lose(o->kind);
                return;
        }
        out_state.n_lost++;
        atomic_fetch_add_explicit(o->lost, 1, memory_order_relaxed);
}

/* Bytes taken, -EAGAIN for none, or -errno. */
static ssize_t out_try(struct log_out *o, const char *data, size_t n) {
        ssize_t k;
        int r;

        if (o->journal) {
                r = log_journal_send(o->fd, data, n);
                if (o->syslog && (r == -ECONNREFUSED || r == -ENOTCONN) && log_syslog_connect_again(o->fd) == 0)
                        r = log_journal_send(o->fd, data, n);
                return r < 0 ? r : (ssize_t)n;
        }
        k = log_line_write_some(o->fd, data, n);
        return k == -EPIPE && out_state.queue > 0 && out_is_pipe(o) ? -EAGAIN : k;
}

/* True: it may be written to. A single byte needs no lock. */
static bool out_lock(struct log_out *o, size_t n) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int unread;

        if (o->locked || n <= 1 || !out_is_pipe(o))
                return true;
        o->locked = fcntl(o->fd, F_SETLK, &lock) == 0;
        if (o->locked || (errno != EAGAIN && errno != EACCES)) {
                o->refused_since = 0;
                return true;
        }
        unread = out_unread(o);
        if (o->refused_since == 0 || unread < o->unread)
                o->refused_since = time_now();
        o->unread = unread;
        return time_now() - o->refused_since >= OUT_LOCK_PATIENCE;
}

static void out_unlock(struct log_out *o) {
        struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

        if (o->locked)
                (void)fcntl(o->fd, F_SETLK, &lock);
        o->locked = false;
}

static void out_wait(const struct log_out *o, usec_t longest) {
        struct pollfd p = { .fd = o->fd, .events = POLLOUT };

        if (o->refused_since > 0 && !o->locked) { /* there may be room */
                (void)poll(NULL, 0, OUT_LOCK_SLICE / USEC_PER_MSEC);
                return;
        }
        (void)poll(&p, 1, (int)(MIN(longest, OUT_SLICE) / USEC_PER_MSEC + 1));
}

/* All n bytes, waiting for a receiver that takes some now and then. How many went, or -errno when none did. */
static ssize_t out_write_waiting(struct log_out *o, const char *data, size_t n, usec_t patience) {
        int unread = o->stuck ? o->unread : -1;
        usec_t since = 0;
        size_t done = 0;

        for (;;) {
                ssize_t k = out_lock(o, n) ? out_try(o, data + done, n - done) : -EAGAIN;
                usec_t now;
                int left;

                if (k > 0) {
                        done += (size_t)k;
                        o->stuck = false;
                        since = 0;
                        if (done == n)
                                return (ssize_t)done;
                        continue;
                }
                if (k != -EAGAIN && k != -EINTR)
                        return done > 0 ? (ssize_t)done : k < 0 ? k : -EIO;
                now = time_now();
                left = out_unread(o);
                if (left >= 0 && unread > left)
                        o->stuck = false;
                if (since == 0 || (left >= 0 && unread > left))
                        since = now;
                o->unread = unread = left;
                if (o->stuck || now - since >= patience) {
                        o->stuck = true;
                        return done > 0 ? (ssize_t)done : -EAGAIN;
                }
                out_wait(o, patience - (now - since));
        }
}

static void out_unlink(struct log_out *o) {
        struct log_out **link = &out_state.waiting;

        while (*link && *link != o)
                link = &(*link)->next;
        if (*link)
                *link = o->next;
        o->next = NULL;
}

static int out_queue(struct log_out *o, const char *data, size_t n, size_t at) {
        struct log_queued *q = NULL;

        if (o->n_bytes + n <= out_state.queue)
                q = malloc(sizeof(*q) + n);
        if (!q)
                return -EAGAIN;
        *q = (struct log_queued){ .n = n, .at = at };
        memcpy(q->data, data, n);
        if (o->last)
                o->last->next = q;
        else {
                o->first = q;
                o->next = out_state.waiting;
                out_state.waiting = o;
        }
        o->last = q;
        o->n_bytes += n;
        return 0;
}

static void out_drop_first(struct log_out *o, bool lost) {
        struct log_queued *q = o->first;

        if (lost)
                out_lose(o);
        if (lost && q->at > 0)
                o->cut = true;
        o->first = q->next;
        o->n_bytes -= q->n;
        if (!o->first) {
                o->last = NULL;
                out_unlink(o);
        }
        free(q);
}

/* What is queued, as far as it goes. True: something is left. */
static bool out_flush(struct log_out *o) {
        while (o->first) {
                struct log_queued *q = o->first;
                ssize_t k = out_lock(o, q->n) ? out_try(o, q->data + q->at, q->n - q->at) : -EAGAIN;

                if ((k == -EAGAIN || k == -EINTR) && q->at == 0)
                        out_unlock(o);
                if (k == -EAGAIN || k == -EINTR)
                        return true;
                if (k > 0)
                        q->at += (size_t)k;
                if (k <= 0 || q->at == q->n)
                        out_drop_first(o, k <= 0);
        }
        out_unlock(o);
        return false;
}

int log_out_write(struct log_out *o, const char *data, size_t n) {
        ssize_t k = -EAGAIN;

        if (!out_flush(o))
                k = out_write_waiting(o, data, n, out_state.patience);
        if (k == (ssize_t)n) {
                out_unlock(o);
                o->cut = false;
                return 0;
        }
        if (k <= 0 && !(o->first && o->first->at > 0))
                out_unlock(o);
        if ((k > 0 || k == -EAGAIN) && out_queue(o, data, n, k > 0 ? (size_t)k : 0) == 0) {
                o->cut = false;
                return 0;
        }
        if (!o->first)
                out_unlock(o);
        o->cut = k > 0 || (k < 0 && o->cut);
        out_lose(o);
        return -EAGAIN;
}

int log_out_write_last(struct log_out *o, const char *data, size_t n) {
        ssize_t k = out_write_waiting(o, data, n, MIN(out_state.patience, OUT_LAST_WAIT));

        out_unlock(o);
        if (k == (ssize_t)n)
                return 0;
        out_lose(o);
        return -EAGAIN;
}

void log_out_forked(void) {
        for (struct log_out *o = out_state.waiting; o; o = o->next) {
                o->first = o->last = NULL; /* the memory goes with the process's image */
                o->n_bytes = 0;
        }
        out_state.waiting = NULL;
}

bool log_out_is_waiting(void) {
        return out_state.waiting;
}

bool log_out_flush(void) {
        struct log_out *next;
        bool left = false;

        for (struct log_out *o = out_state.waiting; o; o = next) {
                next = o->next;
                left |= out_flush(o);
        }
        return left;
}

void log_out_finish(usec_t patience, usec_t limit) {
        usec_t end = time_now() + limit, since = time_now();

        out_state.queue = 0; /* nor is a pipe's next reader waited for */
        while (out_state.waiting) {
                struct log_out *o = out_state.waiting;
                size_t before = o->n_bytes - o->first->at;
                usec_t now;

                if (!out_flush(o))
                        continue;
                now = time_now();
                if (o->n_bytes - o->first->at < before)
                        since = now;
                if (now >= end || now - since >= patience) {
                        log_out_change(o, -1);
                        since = now; /* the next one has its own */
                } else
                        out_wait(o, MIN(end - now, patience - (now - since)));
        }
}

void log_out_change(struct log_out *o, int fd) {
        if (fd == o->fd)
                return; /* a line that is out in part goes on */
        while (fd < 0 && o->first)
                out_drop_first(o, true);
        if (o->fd >= 0)
                out_unlock(o);
        o->fd = fd;
        log_out_renew(o);
}

void log_out_renew(struct log_out *o) {
        if (o->first)
                o->first->at = 0; /* the other one has nothing of it */
        o->cut = o->stuck = false;
        o->looked_at = -1;
        o->refused_since = 0;
}
