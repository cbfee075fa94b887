/* SPDX-License-Identifier: MIT */
/* master/handed.h: what FPM_SOCKETS may say. */

#include "master/handed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "listeners.h"
#include "log/log.h"
#include "place.h"

static void set_text(const char *variable, const char *address, int fd) {
        char text[160];

        snprintf(text, sizeof(text), "%s=%d", address, fd);
        assert_int_equal(setenv(variable, text, 1), 0);
}

static void nothing_is_handed_down(void **state) {
        _cleanup_text_ struct text problems = {};
        struct handed h = {};

        unsetenv("FPM_SOCKETS");
        assert_int_equal(setenv("FPM_SOCKETS_1", "/x=99", 1), 0); /* there is no one before it */
        assert_int_equal(handed_take(&h, &problems), 0);
        assert_int_equal(h.n, 0);
        assert_non_null(getenv("FPM_SOCKETS_1"));
        unsetenv("FPM_SOCKETS_1");
        handed_done(&h);
}

static void each_socket_is_claimed_once_by_its_own_address(void **state) {
        _cleanup_text_ struct text problems = {};
        char text[32], other[32], list[128];
        struct handed h = {};
        struct addr a, b;
        int fd = listeners_tcp(true, text), second = listeners_tcp(true, other);

        snprintf(list, sizeof(list), "a name for people=%d,nothing,%s=%d", fd, other, second);
        assert_int_equal(setenv("FPM_SOCKETS", list, 1), 0);
        assert_int_equal(handed_take(&h, &problems), 0);
        assert_string_equal(text_peek(&problems), "");
        assert_null(getenv("FPM_SOCKETS"));
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);

        assert_int_equal(addr_parse(text, &a), 0);
        assert_int_equal(addr_parse(other, &b), 0);
        assert_int_equal(handed_claim(&h, &b), second);
        assert_int_equal(handed_claim(&h, &b), -ENOENT);
        assert_int_equal(handed_claim(&h, &a), fd);
        handed_done(&h); /* claimed ones stay open */
        assert_true(fcntl(fd, F_GETFD) >= 0);
        fd_close(fd);
        fd_close(second);
}

/* The list goes on in further variables, up to the first that is missing. */
static void further_variables_go_on(void **state) {
        _cleanup_text_ struct text problems = {};
        char text[32], other[32];
        struct handed h = {};

        set_text("FPM_SOCKETS", "a", listeners_tcp(true, text));
        set_text("FPM_SOCKETS_1", "b", listeners_tcp(true, other));
        assert_int_equal(handed_take(&h, &problems), 0);
        assert_int_equal(h.n, 2);
        assert_null(getenv("FPM_SOCKETS_1"));
        handed_done(&h);
}

static void what_is_no_listening_stream_socket_is_refused(void **state) {
        char text[32];
        int bound = listeners_tcp(false, text), datagram = socket(AF_UNIX, SOCK_DGRAM, 0),
            own = listeners_tcp(true, text);
        int pipes[2];
        const struct {
                int fd;
                const char *reason;
        } rows[] = {
                { bound, "Invalid argument" },
                { datagram, "Invalid argument" },
                { (assert_int_equal(pipe(pipes), 0), pipes[0]), "Socket operation on non-socket" },
                { own, "Bad file descriptor" }, /* this program has opened it: it is close-on-exec */
                { STDERR_FILENO, "Bad file descriptor" },
                { 4000, "Bad file descriptor" },
                { -1, "Invalid argument" },
        };

        assert_int_equal(fd_set_cloexec(own, true), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_text_ struct text problems = {};
                struct handed h = {};

                set_text("FPM_SOCKETS", "x", rows[i].fd);
                assert_int_equal(handed_take(&h, &problems), HANDED_E_PROBLEM);
                assert_int_equal(h.n, 0);
                assert_non_null(strstr(text_peek(&problems), "is not a listening stream socket of this program's"));
                if (rows[i].fd >= 0)
                        assert_non_null(strstr(text_peek(&problems), rows[i].reason));
                handed_done(&h);
        }
        fd_close(bound);
        fd_close(datagram);
        fd_close(own);
        fd_close(pipes[0]);
        fd_close(pipes[1]);
}

/* A socket that no pool wants goes, and its file with it. */
static void what_nobody_claims_is_closed_and_removed(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct handed h = {};
        int fd = listeners_unix(place_name(p, "sock"), true);

        set_text("FPM_SOCKETS", "x", fd);
        assert_int_equal(handed_take(&h, &problems), 0);
        assert_int_equal(h.n, 1);
        handed_done(&h);
        assert_true(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
        assert_int_equal(access(place_name(p, "sock"), F_OK), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_handed_down),
                cmocka_unit_test(each_socket_is_claimed_once_by_its_own_address),
                cmocka_unit_test(further_variables_go_on),
                cmocka_unit_test(what_is_no_listening_stream_socket_is_refused),
                cmocka_unit_test_setup_teardown(what_nobody_claims_is_closed_and_removed, place_new, place_done),
        };

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        return cmocka_run_group_tests(tests, NULL, NULL);
}
