/* SPDX-License-Identifier: MIT */
/*
 * The journal's native protocol, written here and not taken from libsystemd: sd_journal_sendv() waits without end
 * when journald's queue is full. Here a datagram goes out with MSG_DONTWAIT, and what becomes of one that does not
 * go is decided in out.c. It also keeps libsystemd out of the processes that run PHP.
 *
 * Values come from scripts and clients and may hold any byte. Field names are constants of this file, and a value with
 * a newline goes in the protocol's length-prefixed form, so no value can begin a field of its own.
 *
 * An entry that is too large for a datagram goes as a memfd, sealed, since journald accepts only a file that can no
 * longer change.
 *
 * The socket is connected once and inherited: that works in a chroot and outlives restarts of journald, whose socket is
 * held by PID 1. All who inherited it share one send buffer, hence the attempt to make that large.
 */

#include "log/journal.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/number.h"
#include "base/passing.h"
#include "log/line.h"

#define JOURNAL_FIELDS_MAX 16
#define JOURNAL_SNDBUF     (8 * 1024 * 1024)

static const char *const journal_message_ids[_LOG_EVENT_MAX] = {
#define X(symbol, id) [LOG_EVENT_##symbol] = id,
        LOG_EVENTS(X)
#undef X
};

/* An entry in the making: pieces that point to the caller's strings, and room for what has to be rendered. */
struct journal_frame {
        struct iovec iov[JOURNAL_FIELDS_MAX * 5];
        size_t n_iov;
        uint64_t sizes[JOURNAL_FIELDS_MAX];
        char numbers[JOURNAL_FIELDS_MAX][24];
        size_t n_fields;
};

static void journal_add_bytes(struct journal_frame *f, const void *data, size_t n) {
        f->iov[f->n_iov++] = (struct iovec){ .iov_base = (void *)data, .iov_len = n };
}

static void journal_add(struct journal_frame *f, const char *name, const char *value) {
        size_t n;

        if (!value)
                return;
        assert(f->n_fields < JOURNAL_FIELDS_MAX);
        n = strlen(value);
        journal_add_bytes(f, name, strlen(name));
        if (memchr(value, '\n', n)) {
                f->sizes[f->n_fields] = htole64(n);
                journal_add_bytes(f, "\n", 1);
                journal_add_bytes(f, &f->sizes[f->n_fields], sizeof(f->sizes[0]));
        } else
                journal_add_bytes(f, "=", 1);
        journal_add_bytes(f, value, n);
        journal_add_bytes(f, "\n", 1);
        f->n_fields++;
}

static void journal_add_number(struct journal_frame *f, const char *name, uint64_t value) {
        char *text = f->numbers[f->n_fields];

        if (value == 0)
                return;
        snprintf(text, sizeof(f->numbers[0]), "%llu", (unsigned long long)value);
        journal_add(f, name, text);
}

static void journal_fill(struct journal_frame *f, const struct log_identity *who, const char *pool,
                         const struct log_entry *e) {
        static const char priorities[8][2] = { "0", "1", "2", "3", "4", "5", "6", "7" };

        journal_add(f, "MESSAGE", e->message ? e->message : "");
        journal_add(f, "PRIORITY", priorities[log_line_priority(e->level)]);
        journal_add_number(f, "SYSLOG_FACILITY", (uint64_t)LOG_FAC(who->facility));
        journal_add(f, "SYSLOG_IDENTIFIER", who->ident);
        journal_add(f, "MESSAGE_ID", journal_message_ids[e->event]);
        journal_add(f, "FPMD_POOL", pool);
        journal_add(f, "CODE_FILE", e->code_file);
        journal_add_number(f, "CODE_LINE", e->code_line);
        journal_add(f, "FPMD_REQUEST_METHOD", e->method);
        journal_add(f, "FPMD_REQUEST_URI", e->uri);
        journal_add(f, "FPMD_SCRIPT", e->script);
        journal_add(f, "FPMD_PEER", e->peer);
        journal_add_number(f, "FPMD_WORKER_PID", e->worker_pid);
        journal_add_number(f, "FPMD_GENERATION", e->generation);
}

int log_journal_format(const struct log_identity *who, const char *pool, const struct log_entry *entry,
                       struct text *out) {
        struct journal_frame f;

        f.n_iov = f.n_fields = 0;
        journal_fill(&f, who, pool, entry);
        for (size_t i = 0; i < f.n_iov; i++)
                text_append_n(out, f.iov[i].iov_base, f.iov[i].iov_len);
        return out->failed ? -ENOMEM : 0;
}

/* An empty datagram with a sealed memfd attached: what journald expects for an entry that is a file. */
static int journal_send_memfd(int fd, const char *data, size_t n) {
        _cleanup_fd_ int memfd = fd_new_sealed("fpmd-journal-entry", data, n);
        struct msghdr mh = {};
        PASSING_ROOM(room, 1);

        if (memfd < 0)
                return memfd;
        passing_attach(&mh, &room, &memfd, 1);
        return sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int log_journal_send(int fd, const char *data, size_t n) {
        if (send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return 0;
        if (errno == EMSGSIZE || errno == ENOBUFS)
                return journal_send_memfd(fd, data, n);
        return -errno;
}

void log_journal_settle(int fd, usec_t limit) {
        usec_t end = time_now() + limit;

        while (fd_unsent(fd) > 0 && time_now() < end)
                (void)poll(NULL, 0, 1); /* no event tells of it */
}

int log_journal_connect(const char *path) {
        _cleanup_fd_ int fd = -1;
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int size = JOURNAL_SNDBUF;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* only a wish: without the privilege the system's limit holds, and that is all right */
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
                setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

bool log_journal_is_stream(int fd, const char *journal_stream) {
        char device[24];
        const char *colon;
        uint64_t dev, ino;
        struct stat st;

        colon = journal_stream ? strchr(journal_stream, ':') : NULL;
        if (!colon || (size_t)(colon - journal_stream) >= sizeof(device))
                return false;
        text_copy(device, sizeof(device), journal_stream, (size_t)(colon - journal_stream));
        if (number_parse_u64(device, UINT64_MAX, &dev) < 0 || number_parse_u64(colon + 1, UINT64_MAX, &ino) < 0)
                return false;
        return fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}
