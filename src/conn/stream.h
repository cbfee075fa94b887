/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The bytes of one client connection: one buffer in front of recv(2), from which the decoder takes slices, and one
 * gathering write. The socket blocks: a worker has nothing else to do than the request in hand. A peer that does
 * nothing for too long is given up all the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/time.h"

#define STREAM_BUFFER_SIZE 65536U /* HANDOVER_BYTES_MAX: what the park has read fits */

struct stream {
        int fd;     /* owned; -1: no connection */
        size_t pos; /* bytes before it are consumed */
        size_t n;   /* bytes before it are valid */
        uint64_t n_written;
        usec_t time_left;  /* how long stream_fill() may still wait for the peer, in all its calls together;
                              USEC_INFINITY: for ever */
        usec_t silence;    /* how long one wait for bytes of the peer may be; USEC_INFINITY: for ever */
        usec_t stall;      /* the same for room to send: how long the peer may take nothing */
        bool send_limited; /* the kernel knows of that */
        bool shared;       /* others may have a descriptor of it: its end is said before it is closed */
        int unsent; /* what the peer had yet to take when it was last looked; -1: it has taken something since then */
        uint8_t buf[STREAM_BUFFER_SIZE];
};

/* Takes over a connection; the buffer starts empty. */
void stream_open(struct stream *s, int fd);

/* Closes it, if there is one. */
void stream_close(struct stream *s);

/* Closes the descriptor alone: somebody else has the connection. Or not even that (it is the caller's again). */
void stream_release(struct stream *s);
int stream_take_out(struct stream *s);

/* As stream_close(), for when the peer may have sent bytes nobody read: closing would then reset the connection and
 * could take the reply with it (RFC 1122 4.2.2.13), so the sending side is closed first and the rest is read and thrown
 * away, for as long as it keeps coming, within 30 seconds. */
void stream_close_lingering(struct stream *s);

/* Bytes that were received and not consumed. */
static inline size_t stream_pending(const struct stream *s) {
        return s->n - s->pos;
}
static inline const uint8_t *stream_data(const struct stream *s) {
        return s->buf + s->pos;
}
static inline void stream_consume(struct stream *s, size_t n) {
        s->pos += n;
}

/* Receives what there is, waiting for at least one byte unless dont_wait. Call when nothing is pending. 0; STREAM_E_END
 * (the peer has closed its side); STREAM_E_EMPTY (dont_wait, and nothing there); -ETIMEDOUT (no time is left, then
 * it is 0, or the peer was silent for too long); other -errno. */
enum { STREAM_E_END = 1, STREAM_E_EMPTY = 2 };
int stream_fill(struct stream *s, bool dont_wait);

/* Receives what there is behind the bytes that are pending, without waiting. 0; STREAM_E_END; STREAM_E_EMPTY;
 * STREAM_E_FULL (no room); -errno. */
enum { STREAM_E_FULL = 3 };
int stream_more(struct stream *s);

/* Puts n bytes in front of those that are pending. Only when nothing, or little, is pending: all must fit into the
 * buffer. */
void stream_put_back(struct stream *s, const void *data, size_t n);

/* Looks at the next n bytes without receiving them, and without waiting. How many there are, at most n. Only when
 * nothing is pending. */
size_t stream_peek(struct stream *s, void *buf, size_t n);

/* True when nothing can be sent to the peer any more: it is gone, not just silent, nor done with sending. */
bool stream_is_dead(const struct stream *s);

/* Sends all of the vector, which is consumed on the way; a partial write is continued. 0, or -errno (-EPIPE: the peer
 * is gone; -ETIMEDOUT: it took nothing for too long). */
int stream_write(struct stream *s, struct iovec *iov, size_t n_iov);

/* Sends what goes of the vector without waiting; it and its length are moved on. 0: all of it; STREAM_E_FULL: there is
 * no room for the rest; -errno. */
int stream_write_some(struct stream *s, struct iovec **iov, size_t *n_iov);

/* Waits for room to send, as long as stream_write() does, or until there is something to receive, or an end; that is at
 * the expense of the time that is left. 0 or -errno as stream_write(), or stream_fill(). */
int stream_wait_for_room(struct stream *s, bool *ret_readable);

/* Sends what goes without waiting. How many bytes, or -errno. last: the connection is closed next, so its end may go
 * with them: over TCP one segment, and one wake-up of the client, less. */
ssize_t stream_write_now(struct stream *s, const void *data, size_t n, bool last);
