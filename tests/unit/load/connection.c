/* SPDX-License-Identifier: MIT */
/* When a request leaves: with the connection, or, as event loops do it, when the kernel tells that there is room for
 * it. */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/macros.h"
#include "connection.h"

#define REQUEST "what is asked"
#define NEVER   UINT64_MAX

static const struct {
        const char *says, *listen;
        bool waits_for_room;
        bool sent_at_once;
} rows[] = {
        { "TCP, a client that sends at once", "loopback", false, true },
        { "TCP, one that is told of room", "loopback", true, false },
        { "unix, one that sends at once", "@load-connection-test", false, true },
        { "unix, where connect(2) is done at once", "@load-connection-test", true, true },
};

static int listen_at(const char *listen_text, struct addr *ret) {
        struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd;

        *ret = (struct addr){ .n = sizeof(loopback) };
        if (listen_text[0] == '@') {
                ret->un.sun_family = AF_UNIX;
                ret->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(listen_text));
                memcpy(ret->un.sun_path + 1, listen_text + 1, strlen(listen_text) - 1);
        } else
                memcpy(&ret->storage, &loopback, sizeof(loopback));
        fd = socket(ret->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, &ret->sa, ret->n), 0);
        assert_int_equal(listen(fd, 4), 0);
        assert_int_equal(addr_of_socket(fd, ret), 0);
        return fd;
}

/* What has come of the request: all, or nothing. */
static void check_came(int fd, bool all, const char *says) {
        char got[sizeof(REQUEST)] = "";
        ssize_t n = recv(fd, got, sizeof(got), MSG_DONTWAIT);

        if (all ? n != (ssize_t)strlen(REQUEST) || memcmp(got, REQUEST, strlen(REQUEST)) != 0
                : n >= 0 || errno != EAGAIN)
                fail_msg("%s: %zd bytes have come", says, n);
}

static void check_row(size_t i) {
        struct addr at;
        _cleanup_fd_ int listener = listen_at(rows[i].listen, &at), epoll = epoll_create1(EPOLL_CLOEXEC), peer = -1;
        struct load_channel ch = { .target = &at,
                                   .epoll = epoll,
                                   .waits_for_room = rows[i].waits_for_room,
                                   .timeout = 1,
                                   .next_wake = NEVER };
        struct load_connection c = { .fd = -1 };
        struct load_job job = { .bytes = (const uint8_t *)REQUEST, .n = strlen(REQUEST) };
        struct epoll_event event;

        assert_false(load_connection_begin(&c, &ch, &job, 1));
        assert_int_equal(ch.n_opened, 1);
        peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(peer >= 0);
        check_came(peer, rows[i].sent_at_once, rows[i].says);
        if (!rows[i].sent_at_once) {
                assert_int_equal(epoll_wait(epoll, &event, 1, 10000), 1);
                assert_true(event.events & EPOLLOUT);
                assert_false(load_connection_go(&c, &ch, event.events, 2));
                check_came(peer, true, rows[i].says);
        }
        load_connection_done(&c);
}

static void test_when_a_request_leaves(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_row(i);
}

/* Nobody listens: that is told by the event, and is a failure to connect. */
static void test_a_refused_connection_is_told_later(void **state) {
        _cleanup_fd_ int epoll = epoll_create1(EPOLL_CLOEXEC);
        uint8_t buffer[64];
        struct addr at;
        struct load_channel ch = { .target = &at,
                                   .epoll = epoll,
                                   .waits_for_room = true,
                                   .timeout = 1,
                                   .next_wake = NEVER,
                                   .buffer = buffer,
                                   .n_buffer = sizeof(buffer) };
        struct load_connection c = { .fd = -1 };
        struct load_job job = { .bytes = (const uint8_t *)REQUEST, .n = strlen(REQUEST) };
        struct epoll_event event;

        fd_close(listen_at("loopback", &at));
        assert_false(load_connection_begin(&c, &ch, &job, 1));
        assert_int_equal(epoll_wait(epoll, &event, 1, 10000), 1);
        assert_true(load_connection_go(&c, &ch, event.events, 2));
        assert_int_equal(c.outcome, LOAD_OUTCOME_CONNECT);
        load_connection_done(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_when_a_request_leaves),
                                            cmocka_unit_test(test_a_refused_connection_is_told_later) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
