/* SPDX-License-Identifier: MIT */
/*
 * A reply goes out as its client takes it. Meanwhile the client may still send the body of the request, which nobody
 * wants: it is received and thrown away, since many clients read nothing until they have sent all of it.
 */

#include "park/writing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macros.h"
#include "park/connection.h"
#include "park/limits.h"
#include "park/receiving.h"

/* A client that never stops sending is not listened to for longer. */
#define WRITING_LINGER_MAX (30 * USEC_PER_SEC)

/* The reply is out, or the client is: what was asked for in that case. */
static void writing_end(struct park *park, struct connection *c) {
        connection_free_out(park, c);
        if (c->flags & HANDOVER_KEEP) {
                receiving_look(park, c, NULL, 0);
                return;
        }
        if (!(c->flags & HANDOVER_LINGER) || shutdown(c->fd, SHUT_WR) < 0) {
                connection_close(park, c);
                return;
        }
        connection_enter(park, c, CONNECTION_LINGERING);
        c->begun = park->now;
        connection_watch(park, c, EPOLLIN | EPOLLRDHUP);
}

/* What it sends is heard while its reply goes out. */
static bool writing_hears(const struct connection *c) {
        return (c->flags & HANDOVER_BODY) && c->n_in < HANDOVER_BYTES_MAX;
}

/* The rest when there is room again. */
static void writing_wait_for_room(struct park *park, struct connection *c) {
        c->unsent = fd_unsent(c->fd);
        connection_watch(park, c, EPOLLOUT | (writing_hears(c) ? EPOLLIN : 0));
}

/* It sends no more, and waits for the reply alone. */
static void writing_on_end_of_body(struct connection *c) {
        c->flags &= ~(uint32_t)(HANDOVER_BODY | HANDOVER_KEEP | HANDOVER_LINGER);
}

/* What it sends while it does not read, a body that nobody wants. That is no reason to wait for it any longer: its time
 * is for reading. */
static void writing_make_way(struct park *park, struct connection *c) {
        ssize_t n = recv(c->fd, park->buf, HANDOVER_BYTES_MAX - c->n_in, MSG_DONTWAIT);
        size_t k;

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
                connection_close(park, c);
                return;
        }
        if (n == 0)
                writing_on_end_of_body(c);
        if (n > 0) {
                k = receiving_skip(c, (size_t)n);
                if ((c->flags & HANDOVER_KEEP) && !receiving_look_ahead(park, c, park->buf + k, (size_t)n - k))
                        return;
        }
        writing_wait_for_room(park, c);
}

void writing_on_event(struct park *park, struct connection *c) {
        ssize_t n = send(c->fd, c->out + c->n_sent, c->n_out - c->n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                if (writing_hears(c))
                        writing_make_way(park, c);
                else
                        writing_wait_for_room(park, c);
                return;
        }
        if (n < 0) {
                connection_close(park, c);
                return;
        }
        c->n_sent += (size_t)n;
        if (c->n_sent == c->n_out) {
                writing_end(park, c);
                return;
        }
        connection_enter(park, c, CONNECTION_WRITING); /* its time begins anew */
        writing_wait_for_room(park, c);
}

void writing_release(struct park *park, struct connection *c) {
        c->begun = 0;
        connection_enter(park, c, CONNECTION_WRITING);
        writing_on_event(park, c);
}

/* What came of the body, n bytes that are not stored, has been the last of it, or not. */
static void writing_drain(struct park *park, struct connection *c, const uint8_t *data, size_t n) {
        if (!receiving_look_ahead(park, c, data, n))
                return;
        if (c->scan.answered_over || !(c->flags & HANDOVER_BODY) || park->now - c->begun >= WRITING_LINGER_MAX ||
            c->drained >= WRITING_DRAIN_MAX) {
                writing_release(park, c);
                return;
        }
        connection_enter(park, c, CONNECTION_DRAINING);
        connection_watch(park, c, EPOLLIN | EPOLLRDHUP);
}

void writing_on_body(struct park *park, struct connection *c) {
        ssize_t n = recv(c->fd, park->buf, HANDOVER_BYTES_MAX - c->n_in, MSG_DONTWAIT);
        size_t k;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) {
                connection_close(park, c);
                return;
        }
        if (n == 0)
                writing_on_end_of_body(c);
        k = receiving_skip(c, (size_t)n);
        c->drained += (size_t)n;
        writing_drain(park, c, park->buf + k, (size_t)n - k);
}

void writing_on_rest(struct park *park, struct connection *c) {
        ssize_t n = recv(c->fd, park->buf, sizeof(park->buf), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0 || park->now - c->begun >= WRITING_LINGER_MAX)
                connection_close(park, c);
        else
                connection_enter(park, c, CONNECTION_LINGERING);
}

/* False: c had to be closed. */
static bool writing_store(struct park *park, struct connection *c, const uint8_t *out, size_t n) {
        if (!limits_reserve(park, c, n))
                return false;
        c->out = malloc(MAX(n, (size_t)1));
        if (!c->out) {
                connection_close(park, c);
                return false;
        }
        memcpy(c->out, out, n);
        c->n_out = n;
        park->n_bytes += n;
        return true;
}

void writing_begin(struct park *park, struct connection *c, const struct handover *note, const uint8_t *out) {
        if (!writing_store(park, c, out, note->n_out))
                return;
        if (note->flags & HANDOVER_DRAIN) {
                c->scan.answered = (uint16_t)note->answered;
                c->begun = park->now;
                writing_drain(park, c, NULL, 0);
                return;
        }
        connection_enter(park, c, CONNECTION_WRITING);
        if (c->n_out == 0)
                writing_end(park, c);
        else
                writing_on_event(park, c);
}
