/* SPDX-License-Identifier: MIT */
#pragma once
/* A park without its process, and clients of it: what the tests of its files share. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "log/log.h"
#include "park/connection.h"
#include "park/intake.h"
#include "park/loop.h"

struct scene {
        struct conf_pool pool;
        struct scoreboard_park numbers;
        struct park park;
        int pair[2]; /* in place of the intake, the orders and the signals, which park_init() wants */
        int log;
};

static inline int scene_open(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->pair), 0);
        s->log = memfd_create("log", MFD_CLOEXEC);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = s->log, .level = LOG_LEVEL_NOTICE });
        s->pool.park_max_bytes = 1 << 20;
        s->pool.park_first_byte_timeout = 5 * USEC_PER_SEC;
        s->pool.park_rest_timeout = 120 * USEC_PER_SEC;
        s->pool.park_idle_timeout = 300 * USEC_PER_SEC;
        s->park = (struct park){
                .pool = &s->pool, .numbers = &s->numbers, .n_max = 10, .n_shelves_max = 2, .now = time_now()
        };
        s->park.intake = s->park.offers = s->pair[0];
        s->park.orders = s->pair[1];
        s->park.signal_fd = fcntl(s->pair[1], F_DUPFD_CLOEXEC, 0);
        assert_int_equal(park_init(&s->park), 0);
        *state = s;
        return 0;
}

static inline int scene_close(void **state) {
        struct scene *s = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        connection_free_closed(&s->park);
        fd_close(s->park.signal_fd);
        fd_close(s->park.epoll_fd);
        fd_close(s->pair[0]);
        fd_close(s->pair[1]);
        fd_close(s->log);
        free(s);
        return 0;
}

/* What tests of the limits have here, a second after one another; the clients' ends are 1. */
struct crowd {
        int ends[10][2];
        size_t n;
};

static inline bool is_here(const struct crowd *c, size_t i) {
        char byte;
        ssize_t n = recv(c->ends[i][1], &byte, 1, MSG_PEEK | MSG_DONTWAIT);

        return n > 0 || (n < 0 && errno == EAGAIN);
}

/* A connection from which n_in bytes have come. */
static inline size_t add_client(struct scene *s, struct crowd *c, uint32_t n_in) {
        int *ends = c->ends[c->n];

        s->park.now += USEC_PER_SEC;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        memset(s->park.buf, 0, n_in);
        memcpy(s->park.buf, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0\1\4\0\1\377\377\0", MIN(n_in, 23U));
        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP, .n_in = n_in, .begun = s->park.now }, ends[0]);
        return c->n++;
}

/* One whose reply of 1000 bytes waits for room, its socket being full. */
static inline size_t add_reader(struct scene *s, struct crowd *c) {
        int *ends = c->ends[c->n];
        char page[4096] = "";

        s->park.now += USEC_PER_SEC;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        while (send(ends[0], page, sizeof(page), MSG_DONTWAIT) > 0)
                ;
        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP, .n_out = 1000 }, ends[0]);
        return c->n++;
}

static inline void let_all_go(struct scene *s, struct crowd *c) {
        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++)
                while (s->park.lists[state].first)
                        connection_close(&s->park, s->park.lists[state].first);
        assert_int_equal(s->park.n_bytes, 0);
        for (size_t i = 0; i < c->n; i++)
                fd_close(c->ends[i][1]);
}

static inline void assert_logged(const struct scene *s, const char *line) {
        char text[2048] = "";

        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, line));
}

#define SCENE_TEST(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
