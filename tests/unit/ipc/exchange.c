/* SPDX-License-Identifier: MIT */
/* Control messages over real sockets: both sides, descriptors, a client that does not read. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ipc/exchange.h"

#include "raw.h"

struct pair {
        int master, client;
};

static void pair_close(struct pair *p) {
        fd_close(p->master);
        fd_close(p->client);
}

static struct pair pair_new(void) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(fd_set_nonblock(fds[0], true), 0);
        return (struct pair){ .master = fds[0], .client = fds[1] };
}

static int count_fds(void) {
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static bool same_file(int a, int b) {
        struct stat x, y;

        assert_int_equal(fstat(a, &x), 0);
        assert_int_equal(fstat(b, &y), 0);
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void test_request(void **state) {
        _cleanup_(pair_close) struct pair p = pair_new();
        _cleanup_control_message_ struct ipc_control_message m = {};

        assert_int_equal(ipc_exchange_receive(p.master, &m), -EAGAIN);
        assert_int_equal(ipc_exchange_send(p.client, &(struct ipc_control_message){ .type = IPC_CONTROL_STATUS }), 0);
        assert_int_equal(ipc_exchange_receive(p.master, &m), 0);
        assert_int_equal(m.type, IPC_CONTROL_STATUS);
        p.client = fd_close(p.client);
        assert_int_equal(ipc_exchange_receive(p.master, &m), IPC_EXCHANGE_E_CLOSED);
        assert_int_equal(ipc_exchange_send(p.master, &m), -EPIPE);
}

static void test_scoreboard_is_handed_over(void **state) {
        _cleanup_(pair_close) struct pair p = pair_new();
        _cleanup_fd_ int fd = fd_new_sealed("scoreboard", "x", 1);
        _cleanup_exchange_queue_ struct ipc_exchange_queue q = {};
        _cleanup_control_message_ struct ipc_control_message m = {};
        int n_before;

        assert_int_equal(ipc_exchange_queue_add(
                                 &q, &(struct ipc_control_message){ .type = IPC_CONTROL_POOL,
                                                                    .pool = { .name = "www", .scoreboard_fd = fd } }),
                         0);
        n_before = count_fds(); /* with the queue's own copy */
        assert_int_equal(ipc_exchange_queue_flush(&q, p.master), 0);
        assert_int_equal(ipc_exchange_receive(p.client, &m), 0);
        assert_true(m.pool.scoreboard_fd >= 0 && m.pool.scoreboard_fd != fd);
        assert_true(same_file(m.pool.scoreboard_fd, fd));
        assert_true(fcntl(m.pool.scoreboard_fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(count_fds(), n_before);
}

static void test_unwanted_descriptors_are_closed(void **state) {
        static const uint8_t status[] = { 'O', 'C', 'T', 'L', 1, 0, 1, 0 };
        _cleanup_(pair_close) struct pair p = pair_new();
        const int fds[6] = { p.client, p.client, p.client, p.client, p.client, p.client };
        _cleanup_control_message_ struct ipc_control_message m = {};
        const int n_before = count_fds();

        raw_send(p.client, (struct iovec){ (void *)status, sizeof(status) }, fds, 3);
        assert_int_equal(ipc_exchange_receive(p.master, &m), 0);
        assert_int_equal(count_fds(), n_before);
        raw_send(p.client, (struct iovec){ (void *)"", 0 }, fds, 2);
        assert_int_equal(ipc_exchange_receive(p.master, &m), -EPROTO);
        assert_int_equal(count_fds(), n_before);
        raw_send(p.client, (struct iovec){ (void *)"garbage", 7 }, fds, 2);
        assert_int_equal(ipc_exchange_receive(p.master, &m), -EPROTO);
        assert_int_equal(count_fds(), n_before);
        raw_send(p.client, (struct iovec){ (void *)status, sizeof(status) }, fds, 6);
        assert_int_equal(ipc_exchange_receive(p.master, &m), -EMSGSIZE);
        assert_int_equal(count_fds(), n_before);
}

static void test_too_large(void **state) {
        _cleanup_(pair_close) struct pair p = pair_new();
        _cleanup_control_message_ struct ipc_control_message m = {};
        _cleanup_free_ uint8_t *data = calloc(1, IPC_CONTROL_PACKET_MAX + 1);

        assert_int_equal(send(p.client, data, IPC_CONTROL_PACKET_MAX + 1, 0), IPC_CONTROL_PACKET_MAX + 1);
        assert_int_equal(ipc_exchange_receive(p.master, &m), -EMSGSIZE);
}

static void test_slow_reader(void **state) {
        enum { N = 2000 };
        _cleanup_(pair_close) struct pair p = pair_new();
        _cleanup_exchange_queue_ struct ipc_exchange_queue q = {};
        char name[16];
        int n_full = 0, r;

        for (int i = 0; i < N; i++) {
                snprintf(name, sizeof(name), "pool%d", i);
                assert_int_equal(
                        ipc_exchange_queue_add(
                                &q, &(struct ipc_control_message){ .type = IPC_CONTROL_POOL,
                                                                   .pool = { .name = name, .scoreboard_fd = -1 } }),
                        0);
        }
        for (int i = 0; i < N; i++) {
                _cleanup_control_message_ struct ipc_control_message m = {};

                r = ipc_exchange_queue_flush(&q, p.master);
                assert_in_range(r, 0, IPC_EXCHANGE_E_FULL);
                n_full += r == IPC_EXCHANGE_E_FULL;
                snprintf(name, sizeof(name), "pool%d", i);
                assert_int_equal(ipc_exchange_receive(p.client, &m), 0);
                assert_string_equal(m.pool.name, name);
        }
        assert_true(n_full > 0);
        assert_null(q.first);
}

static void test_client_leaves(void **state) {
        _cleanup_(pair_close) struct pair p = pair_new();
        _cleanup_exchange_queue_ struct ipc_exchange_queue q = {};
        const struct ipc_control_message end = { .type = IPC_CONTROL_END };

        assert_int_equal(ipc_exchange_queue_add(&q, &end), 0);
        assert_int_equal(ipc_exchange_queue_add(&q, &end), 0);
        p.client = fd_close(p.client);
        assert_int_equal(ipc_exchange_queue_flush(&q, p.master), -EPIPE);
}

static void test_listen(void **state) {
        char dir[] = "/tmp/test-ipc-exchange-XXXXXX", path[64], long_path[200];
        _cleanup_fd_ int listener = -1, client = -1;
        struct stat st;

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/" IPC_CONTROL_SOCKET, dir);
        assert_int_equal(ipc_exchange_connect(path, 0), -ENOENT);

        umask(0);
        listener = ipc_exchange_listen(path, 0600);
        assert_true(listener >= 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        client = ipc_exchange_connect(path, 0);
        assert_true(client >= 0);
        assert_int_equal(ipc_exchange_listen(path, 0600), -EADDRINUSE);

        listener = fd_close(listener);
        assert_int_equal(ipc_exchange_connect(path, 0), -ECONNREFUSED);
        listener = ipc_exchange_listen(path, 0600); /* over the file that was left behind */
        assert_true(listener >= 0);

        assert_int_equal(unlink(path), 0);
        fd_close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(ipc_exchange_listen(path, 0600), -EEXIST); /* not a socket: it stays */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);

        memset(long_path, 'a', sizeof(long_path) - 1);
        long_path[sizeof(long_path) - 1] = '\0';
        assert_int_equal(ipc_exchange_listen(long_path, 0600), -ENAMETOOLONG);
        assert_int_equal(ipc_exchange_connect(long_path, 0), -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_scoreboard_is_handed_over),
                cmocka_unit_test(test_unwanted_descriptors_are_closed),
                cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_slow_reader),
                cmocka_unit_test(test_client_leaves),
                cmocka_unit_test(test_listen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
