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
#include "park-scene.h"
#include "park/intake.h"

#define HEAD   2U
#define EVENTS 4U
#define FDS    3U

struct scene {
        struct scene_park p;
        int client[2];
};

static void scene_open(struct scene *s) {
        scene_open_park(&s->p, time_now());
        scene_pair(SOCK_STREAM, s->client);
}

static void scene_close(struct scene *s) {
        scene_close_park(&s->p);
        scene_close_pair(s->client);
}

static bool send_note(const struct scene *s, const uint8_t *data, size_t n, size_t n_fds) {
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        const int fds[FDS] = { s->client[0], s->p.orders[0], s->p.orders[1] };
        PASSING_ROOM(room, FDS);

        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        return sendmsg(s->p.intake[1], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void check_offers(const struct scene *s) {
        int fd;

        while ((fd = scene_take_offer(&s->p)) >= 0)
                fd_close(fd);
}

static void play(struct scene *s, const uint8_t *in, size_t n) {
        struct handover note;
        int fd, r = handover_receive(s->p.park.intake, &note, s->p.park.buf, sizeof(s->p.park.buf), &fd);

        assert(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        intake_add(&s->p.park, &note, fd);
        scene_check_park(&s->p.park);
        if (n > 0 && send(s->client[1], in, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n && errno != EPIPE)
                abort(); /* EPIPE: the park has shut down what other processes may have as well */
        for (unsigned k = 0; k < EVENTS; k++) {
                for (size_t i = 0; i < CONNECTION_CLOSED; i++)
                        if (s->p.park.lists[i].first) {
                                park_on_connection(&s->p.park, s->p.park.lists[i].first);
                                break;
                        }
                scene_check_park(&s->p.park);
                check_offers(s);
                if (k == EVENTS / 2)
                        s->client[1] = fd_close(s->client[1]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static struct scene s;
        int before = fuzz_count_open();
        size_t n_client;

        if (n < HEAD)
                return 0;
        n_client = MIN((size_t)data[1], n - HEAD);
        s = (struct scene){};
        scene_open(&s);
        if (send_note(&s, data + HEAD, n - HEAD - n_client, data[0] % (FDS + 1)))
                play(&s, data + n - n_client, n_client);
        scene_close(&s);
        assert(fuzz_count_open() == before);
        return 0;
}
