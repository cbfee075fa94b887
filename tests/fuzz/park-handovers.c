/* SPDX-License-Identifier: MIT */
/*
 * What a worker may send to its park, over a real pair, and what the connection's client sends after that: the park's
 * lists and sums agree, every offer that it makes is one that a worker takes, and nothing stays open. The first byte
 * says how many descriptors come along, the second how many bytes at the end are the client's.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/passing.h"
#include "conn/handover.h"
#include "fuzz.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/intake.h"
#include "park/loop.h"

#define HEAD   2U
#define EVENTS 4U
#define FDS    3U

struct scene {
        struct conf_pool pool;
        struct scoreboard_park numbers;
        struct park park;
        int intake[2], offers[2], client[2], other[2];
};

/* Its numbers are as large as a park's, but for the limits, which should be met. */
static void scene_open(struct scene *s) {
        if (handover_pair(s->intake) < 0 || handover_pair(s->offers) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->client) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->other) < 0)
                abort();
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_ALERT });
        s->pool.park_max_bytes = 100000;
        s->pool.park_first_byte_timeout = 5 * USEC_PER_SEC;
        s->pool.park_rest_timeout = 120 * USEC_PER_SEC;
        s->pool.park_idle_timeout = 300 * USEC_PER_SEC;
        s->park = (struct park){
                .pool = &s->pool, .numbers = &s->numbers, .n_max = 10, .n_shelves_max = 2, .now = time_now()
        };
        s->park.intake = s->intake[0];
        s->park.offers = s->offers[1];
        s->park.orders = s->other[0];
        s->park.signal_fd = s->other[1];
        if (park_init(&s->park) < 0)
                abort();
}

static void scene_close(struct scene *s) {
        const int fds[] = { s->intake[0], s->intake[1], s->offers[0], s->offers[1],    s->client[0],
                            s->client[1], s->other[0],  s->other[1],  s->park.epoll_fd };

        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++)
                connection_close_all(&s->park, state);
        assert(s->park.n == 0 && s->park.n_bytes == 0);
        connection_free_closed(&s->park);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fd_close(fds[i]);
}

static bool send_note(const struct scene *s, const uint8_t *data, size_t n, size_t n_fds) {
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        const int fds[FDS] = { s->client[0], s->other[0], s->other[1] };
        PASSING_ROOM(room, FDS);

        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        return sendmsg(s->intake[1], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void check_park(const struct park *park) {
        size_t n = 0, n_bytes = 0;

        for (size_t i = 0; i < CONNECTION_CLOSED; i++) {
                size_t n_here = 0;

                for (const struct connection *c = park->lists[i].first; c; c = c->next, n_here++) {
                        assert(c->state == (enum connection_state)i && c->n_in <= c->size_in && c->n_sent <= c->n_out);
                        n_bytes += c->n_in + c->n_out;
                }
                assert(n_here == park->lists[i].n);
                n += n_here;
        }
        assert(n == park->n && n_bytes == park->n_bytes && n_bytes <= park->pool->park_max_bytes);
}

static void check_offers(const struct scene *s) {
        static uint8_t buf[2 * HANDOVER_BYTES_MAX];
        struct handover note;
        int fd, r;

        while ((r = handover_receive(s->offers[0], &note, buf, sizeof(buf), &fd)) == 0) {
                assert(note.n_out == 0 && note.begun <= s->park.now);
                fd_close(fd);
        }
        assert(r == HANDOVER_E_EMPTY);
}

static void play(struct scene *s, const uint8_t *in, size_t n) {
        struct handover note;
        int fd, r = handover_receive(s->park.intake, &note, s->park.buf, sizeof(s->park.buf), &fd);

        assert(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        intake_add(&s->park, &note, fd);
        check_park(&s->park);
        if (n > 0 && send(s->client[1], in, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n && errno != EPIPE)
                abort(); /* EPIPE: the park has shut down what other processes may have as well */
        for (unsigned k = 0; k < EVENTS; k++) {
                for (size_t i = 0; i < CONNECTION_CLOSED; i++)
                        if (s->park.lists[i].first) {
                                park_on_connection(&s->park, s->park.lists[i].first);
                                break;
                        }
                check_park(&s->park);
                check_offers(s);
                if (k == EVENTS / 2)
                        s->client[1] = fd_close(s->client[1]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static struct scene s;
        int before = fuzz_free_number();
        size_t n_client;

        if (n < HEAD)
                return 0;
        n_client = MIN((size_t)data[1], n - HEAD);
        s = (struct scene){};
        scene_open(&s);
        if (send_note(&s, data + HEAD, n - HEAD - n_client, data[0] % (FDS + 1)))
                play(&s, data + n - n_client, n_client);
        scene_close(&s);
        assert(fuzz_free_number() == before);
        return 0;
}
