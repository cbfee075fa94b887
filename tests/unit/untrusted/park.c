/* SPDX-License-Identifier: MIT */
/* untrusted/park.h: a park has two things to say, and may give anything as a connection. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "opened.h"
#include "untrusted/park.h"

static void test_words(void **state) {
        _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        for (uint32_t type = 1; type < _IPC_TYPE_MAX; type++) {
                struct ipc_message m = { .type = type };
                int before, ends[2], given = -1, wanted = -EBADMSG;

                assert_int_equal(channel_pair(ends), 0);
                assert_int_equal(untrusted_park_hear(ends[0], &given), UNTRUSTED_PARK_E_EMPTY);
                before = fd_count_open();
                assert_int_equal(ipc_message_send(ends[1], &m, (int[IPC_FDS_MAX]){ null, null, null, null }), 0);
                if (type == IPC_PARK_LEAVES)
                        wanted = 0;
                else if (type == IPC_PARK_IDLE)
                        wanted = UNTRUSTED_PARK_E_IDLE;
                assert_int_equal(untrusted_park_hear(ends[0], &given), wanted);
                assert_true((given >= 0) == (type == IPC_PARK_IDLE));
                fd_close(given);
                opened_assert(before);
                fd_close(ends[0]);
                fd_close(ends[1]);
        }
}

static void test_what_is_no_message(void **state) {
        int ends[2], given = -1;

        assert_int_equal(channel_pair(ends), 0);
        assert_int_equal(send(ends[1], "x", 1, 0), 1);
        assert_int_equal(untrusted_park_hear(ends[0], &given), -EBADMSG);
        fd_close(ends[1]);
        assert_int_equal(untrusted_park_hear(ends[0], &given), UNTRUSTED_PARK_E_GONE);
        assert_int_equal(given, -1);
        fd_close(ends[0]);
}

/* A listener with a name that goes with the process, a client of it, and its connection. */
static void make_connection(int *ret_listener, int *ret_client, int *ret_accepted) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        socklen_t n;

        n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                        (size_t)snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "fpmd-untrusted-%d", getpid()));
        *ret_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        *ret_client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(*ret_listener, (struct sockaddr *)&un, n), 0);
        assert_int_equal(listen(*ret_listener, 1), 0);
        assert_int_equal(connect(*ret_client, (struct sockaddr *)&un, n), 0);
        *ret_accepted = accept4(*ret_listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(*ret_accepted >= 0);
}

static void test_what_is_a_connection(void **state) {
        int listener, client, accepted, packets[2];
        struct addr bound, a;

        make_connection(&listener, &client, &accepted);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets), 0);
        assert_int_equal(addr_of_socket(listener, &bound), 0);
        assert_int_equal(untrusted_park_connection(accepted, &a), 0);
        assert_true(addr_equal(&a, &bound));
        {
                const struct {
                        const char *what;
                        int fd;
                } rows[] = {
                        { "a listener", listener },
                        { "a socket of packets", packets[0] },
                        { "one that is not connected", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) },
                        { "datagrams", socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) },
                        { "TCP, which can linger", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) },
                        { "a file", open("/proc/self/status", O_RDONLY | O_CLOEXEC) },
                        { "a path", open("/", O_PATH | O_CLOEXEC) },
                        { "an eventfd", eventfd(0, EFD_CLOEXEC) },
                        { "nothing", -1 },
                };

                for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                        if (untrusted_park_connection(rows[i].fd, &a) != -EBADMSG)
                                fail_msg("%s is taken for a connection", rows[i].what);
                        if (i > 1)
                                fd_close(rows[i].fd);
                }
        }
        /* A client's end, and a pair, are nobody's that a listener has accepted: their address tells. */
        assert_true(untrusted_park_connection(client, &a) < 0 || !addr_equal(&a, &bound));
        fd_close(listener);
        fd_close(client);
        fd_close(accepted);
        fd_close(packets[0]);
        fd_close(packets[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_what_is_no_message),
                cmocka_unit_test(test_what_is_a_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
