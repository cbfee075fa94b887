/* SPDX-License-Identifier: MIT */
/* master/drain.h: connections that wait at an address which is given up are the park's, unread, and the address is shut
 * afterwards. */

#include "master/drain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/macros.h"
#include "conn/handover.h"
#include "listeners.h"
#include "log/log.h"
#include "place.h"

#include "limit.h"

struct scene {
        struct listen_set *set;
        struct pool pool;
        struct allow all;
        char address[32];
        timer_t limit;
};

static int set_up(void **state) {
        static struct scene s;
        struct conf_pool settings = { .name = (char *)"www", .listen = s.address };

        s = (struct scene){ .limit = limit_begin(), .pool = { .name = (char *)"www" } };
        parks_init(&s.pool.parks);
        assert_int_equal(parks_open(&s.pool.parks), 0);
        s.set = listen_set_new(&settings, 1);
        assert_non_null(s.set);
        s.set->fds[s.set->n++] = listeners_tcp(true, s.address);
        assert_int_equal(fd_set_nonblock(s.set->fds[0], true), 0);
        *state = &s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        listen_set_free(s->set);
        parks_done(&s->pool.parks);
        timer_delete(s->limit);
        return 0;
}

/* A client whose connection stands, and that has sent a text. */
static int connect_client(const struct scene *s, const char *text) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct addr a;

        assert_int_equal(addr_parse(s->address, &a), 0);
        assert_int_equal(connect(fd, &a.sa, a.n), 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        return fd;
}

/* The next connection that the park finds at its intake; -1: none. */
static int park_takes(const struct scene *s) {
        static uint8_t bytes[HANDOVER_BYTES_MAX];
        struct handover note;
        int fd;

        return handover_receive(s->pool.parks.intake[0], &note, bytes, sizeof(bytes), &fd) == 0 ? fd : -1;
}

static void waiting_connections_are_the_parks_unread(void **state) {
        struct scene *s = *state;
        int first = connect_client(s, "one"), second = connect_client(s, "two"), fd;
        char text[8];

        drain_begin(s->set, &s->all, &s->pool);
        fd = park_takes(s);
        assert_int_equal(read(fd, text, sizeof(text)), 3);
        assert_memory_equal(text, "one", 3);
        fd_close(fd);
        fd = park_takes(s);
        assert_int_equal(read(fd, text, sizeof(text)), 3);
        assert_memory_equal(text, "two", 3);
        fd_close(fd);
        assert_int_equal(park_takes(s), -1);
        assert_true(s->pool.parks.given);
        fd_close(first);
        fd_close(second);
}

/* Between the two, workers may still accept there. */
static void the_address_is_open_until_the_end(void **state) {
        struct scene *s = *state;
        int client, fd;
        struct addr a;

        drain_begin(s->set, &s->all, &s->pool);
        client = connect_client(s, "late");
        drain_finish(s->set, &s->all, &s->pool);
        fd = park_takes(s);
        assert_true(fd >= 0);
        fd_close(fd);
        fd_close(client);

        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(addr_parse(s->address, &a), 0);
        assert_int_equal(connect(client, &a.sa, a.n), -1);
        assert_int_equal(errno, ECONNREFUSED);
        fd_close(client);
}

static void a_client_that_may_not_connect_is_not_handed_over(void **state) {
        _cleanup_allow_ struct allow none = { .restricts = true };
        struct scene *s = *state;
        int client = connect_client(s, "");
        char byte;

        drain_begin(s->set, &none, &s->pool);
        assert_int_equal(park_takes(s), -1);
        assert_int_equal(read(client, &byte, 1), 0);
        fd_close(client);
}

/* A worker has made the listener wait; limit.h ends a test in which the master does. */
static void a_listener_that_blocks_is_not_waited_for(void **state) {
        struct scene *s = *state;
        int client = connect_client(s, ""), fd;

        assert_int_equal(fd_set_nonblock(s->set->fds[0], false), 0);
        drain_begin(s->set, &s->all, &s->pool);
        fd = park_takes(s);
        assert_true(fd >= 0);
        fd_close(fd);
        fd_close(client);
}

/* Nobody takes connections at the park: what does not fit is lost, and the rest is there. */
static void a_full_park_is_not_waited_for(void **state) {
        int clients[8], size = 1, fd, n = 0;
        struct scene *s = *state;

        assert_int_equal(setsockopt(s->pool.parks.intake[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                clients[i] = connect_client(s, "");
        drain_begin(s->set, &s->all, &s->pool);
        while ((fd = park_takes(s)) >= 0) {
                fd_close(fd);
                n++;
        }
        assert_in_range(n, 1, ELEMENTSOF(clients) - 1);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                fd_close(clients[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(waiting_connections_are_the_parks_unread),
                TEST(the_address_is_open_until_the_end),
                TEST(a_client_that_may_not_connect_is_not_handed_over),
                TEST(a_listener_that_blocks_is_not_waited_for),
                TEST(a_full_park_is_not_waited_for),
        };

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        return cmocka_run_group_tests(tests, NULL, NULL);
}
