/* SPDX-License-Identifier: MIT */
/* Calls that would wait for ever come back. A limit ends the program where they do not. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/nowait.h"

#include "limit.h"

static void on_alarm(int sig) {
}

static void guarded(void (*scenario)(void)) {
        timer_t timer = limit_begin();

        scenario();
        timer_delete(timer);
}

static int full_eventfd(void) {
        int fd = eventfd(0, EFD_CLOEXEC);
        uint64_t most = UINT64_MAX - 1;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
        return fd;
}

static int quiet_listener(int family) {
        union {
                struct sockaddr sa;
                struct sockaddr_storage room;
        } a = { .sa.sa_family = (sa_family_t)family };
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, &a.sa, family == AF_UNIX ? sizeof(a.sa.sa_family) : sizeof(a)), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

static void ring_a_full_bell(void) {
        _cleanup_fd_ int fd = full_eventfd();
        struct nowait n;

        assert_int_equal(nowait_begin(&n), 0);
        for (int i = 0; i < 3; i++) /* again and again */
                assert_int_equal(fd_ring(fd), -EINTR);
        nowait_end(&n);
}

static void test_full_eventfd(void **state) {
        guarded(ring_a_full_bell);
}

static void accept_from_nobody(void) {
        static const int families[] = { AF_UNIX, AF_INET };

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                _cleanup_fd_ int fd = quiet_listener(families[i]);
                struct nowait n;

                assert_int_equal(nowait_begin(&n), 0);
                assert_int_equal(accept4(fd, NULL, NULL, SOCK_CLOEXEC), -1);
                assert_int_equal(errno, EINTR);
                nowait_end(&n);
        }
}

static void test_listener_without_connections(void **state) {
        guarded(accept_from_nobody);
}

/* A mask is inherited, from whoever starts the program. */
static void ring_with_the_signal_blocked(void) {
        struct sigaction before = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, after;
        _cleanup_fd_ int fd = full_eventfd();
        struct itimerval timer;
        sigset_t set, mask;
        struct nowait n;

        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
        assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
        assert_int_equal(nowait_begin(&n), 0);
        assert_int_equal(fd_ring(fd), -EINTR);
        nowait_end(&n);

        assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, &mask), 0);
        assert_true(sigismember(&mask, SIGALRM));
        assert_int_equal(sigaction(SIGALRM, NULL, &after), 0);
        assert_true(after.sa_handler == on_alarm && (after.sa_flags & SA_RESTART));
        assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
        assert_int_equal(timer.it_interval.tv_usec + timer.it_value.tv_usec + timer.it_value.tv_sec, 0);
        signal(SIGALRM, SIG_DFL);
}

static void test_leaves_signals_as_they_were(void **state) {
        guarded(ring_with_the_signal_blocked);
}

/* Whatever can be done at once is done, however many ticks there are meanwhile. */
static void test_calls_that_need_not_wait(void **state) {
        _cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC);
        struct itimerval timer;
        struct nowait n;

        assert_int_equal(nowait_begin(&n), 0);
        for (int ticks = 0; ticks < 5;) {
                struct itimerval last;

                assert_int_equal(getitimer(ITIMER_REAL, &last), 0);
                assert_int_equal(fd_ring(fd), 0);
                assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
                ticks += timer.it_value.tv_usec > last.it_value.tv_usec;
        }
        nowait_end(&n);
}

/* Two ends of a TCP connection, of which one has much to send that nobody reads, and waits for that in close(2). */
static int lingering(int *ret_peer) {
        const struct linger linger = { .l_onoff = 1, .l_linger = 120 };
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
        } a = { .in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
        socklen_t n = sizeof(a);
        _cleanup_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        static char data[65536];

        assert_true(listener >= 0 && fd >= 0);
        assert_int_equal(bind(listener, &a.sa, sizeof(a.in)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, &a.sa, &n), 0);
        assert_int_equal(connect(fd, &a.sa, sizeof(a.in)), 0);
        *ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(*ret_peer >= 0);
        while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
                continue;
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        return fd;
}

static void close_what_lingers(void) {
        _cleanup_fd_ int peer = -1;
        int fd = lingering(&peer);

        assert_int_equal(nowait_close(fd), -1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(nowait_close(-1), -1);
}

static void test_socket_that_lingers(void **state) {
        guarded(close_what_lingers);
}

static void close_inside(void) {
        _cleanup_fd_ int fd = full_eventfd(), peer = -1;
        struct itimerval timer;
        struct nowait n;

        assert_int_equal(nowait_begin(&n), 0);
        nowait_close(lingering(&peer));
        assert_int_equal(fd_ring(fd), -EINTR); /* the outer one goes on */
        nowait_end(&n);
        assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
        assert_int_equal(timer.it_interval.tv_usec + timer.it_value.tv_usec + timer.it_value.tv_sec, 0);
}

static void test_one_inside_of_another(void **state) {
        guarded(close_inside);
}

/* A busy machine lets that other process wait. */
static void wait_closed(int fd) {
        for (int i = 0; i < 10000 && fcntl(fd, F_GETFD) >= 0; i++)
                usleep(1000);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* A file, whose close(2) another process does: the number gets free, and nobody is left to be reaped. */
static void close_a_file(void) {
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(nowait_close(fd), -1);
        wait_closed(fd);
        assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static void close_a_file_inside(void) {
        struct nowait n;

        assert_int_equal(nowait_begin(&n), 0);
        for (int i = 0; i < 20; i++)
                close_a_file();
        nowait_end(&n);
}

static void test_file(void **state) {
        guarded(close_a_file);
        guarded(close_a_file_inside);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_full_eventfd),
                cmocka_unit_test(test_listener_without_connections),
                cmocka_unit_test(test_leaves_signals_as_they_were),
                cmocka_unit_test(test_calls_that_need_not_wait),
                cmocka_unit_test(test_socket_that_lingers),
                cmocka_unit_test(test_one_inside_of_another),
                cmocka_unit_test(test_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
