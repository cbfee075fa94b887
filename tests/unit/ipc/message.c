/* SPDX-License-Identifier: MIT */
/* ipc/message.h: messages arrive whole, with the descriptors their row names, or are refused. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ipc/channel.h"
#include "ipc/message.h"

#include "raw.h"

struct pair {
        int a, b;
};

static int set_up(void **state) {
        static struct pair p;
        int ends[2];

        assert_int_equal(channel_pair(ends), 0);
        p = (struct pair){ ends[0], ends[1] };
        *state = &p;
        return 0;
}

static int tear_down(void **state) {
        struct pair *p = *state;

        fd_close(p->a);
        fd_close(p->b);
        return 0;
}

/* Descriptors of this process that are open. */
static int count_fds(void) {
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static void test_round_trip(void **state) {
        struct pair *p = *state;
        struct ipc_message out = { .type = IPC_EXITED, .slot = 7, .pid = 4711, .status = 11, .generation = 3 }, in;
        int fds[IPC_FDS_MAX];

        snprintf(out.text, sizeof(out.text), "why");
        assert_int_equal(ipc_message_receive(p->b, &in, fds), IPC_E_EMPTY);
        assert_int_equal(ipc_message_send(p->a, &out, NULL), 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        assert_int_equal(fds[0], -1);
}

static void test_descriptors_come_along(void **state) {
        struct pair *p = *state;
        struct ipc_message out = { .type = IPC_OUTPUT, .slot = 1 }, in;
        int pipe_fds[2], fds[IPC_FDS_MAX];
        char c = 0;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_int_equal(ipc_message_send(p->a, &out, pipe_fds), 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), 0);
        assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(fds[1], "x", 1), 1);
        assert_int_equal(read(pipe_fds[0], &c, 1), 1);
        assert_int_equal(c, 'x');
        for (int i = 0; i < 2; i++) {
                fd_close(pipe_fds[i]);
                fd_close(fds[i]);
        }
}

static void test_what_makes_no_sense_is_refused_and_leaks_nothing(void **state) {
        struct pair *p = *state;
        struct ipc_message m = { .type = IPC_SPAWN }, in;
        int many[8] = { p->a, p->a, p->a, p->a, p->a, p->a, p->a, p->a }, fds[IPC_FDS_MAX], before = count_fds();

        raw_send(p->a, (struct iovec){ &m, sizeof(m) - 1 }, NULL, 0); /* too short */
        assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        m.type = IPC_NONE;
        raw_send(p->a, (struct iovec){ &m, sizeof(m) }, NULL, 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        m.type = _IPC_TYPE_MAX;
        raw_send(p->a, (struct iovec){ &m, sizeof(m) }, NULL, 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        m.type = IPC_SPAWN; /* takes none, and gets some, and more than there is room for */
        for (size_t n = 1; n <= 8; n++) {
                raw_send(p->a, (struct iovec){ &m, sizeof(m) }, many, n);
                assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        }
        raw_send(p->a, (struct iovec){ NULL, 0 }, many, 4); /* no bytes, which is not the end */
        assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        m.type = IPC_SPAWNED; /* wants one, and gets none */
        raw_send(p->a, (struct iovec){ &m, sizeof(m) }, NULL, 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), -EBADMSG);
        assert_int_equal(count_fds(), before);
}

static void test_text_is_always_terminated(void **state) {
        struct pair *p = *state;
        struct ipc_message m = { .type = IPC_FAILED }, in;
        int fds[IPC_FDS_MAX];

        memset(m.text, 'x', sizeof(m.text));
        assert_int_equal(ipc_message_send(p->a, &m, NULL), 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), 0);
        assert_int_equal(strlen(in.text), IPC_TEXT_MAX - 1);
}

static void test_the_end_is_told(void **state) {
        struct pair *p = *state;
        struct ipc_message m = { .type = IPC_DRAIN }, in;
        int fds[IPC_FDS_MAX];

        assert_int_equal(ipc_message_send(p->a, &m, NULL), 0);
        p->a = fd_close(p->a);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), 0); /* what was sent before the end arrives */
        assert_int_equal(ipc_message_receive(p->b, &in, fds), IPC_E_GONE);
        assert_int_equal(ipc_message_send(p->b, &m, NULL), -EPIPE);
}

static void test_a_peer_that_does_not_read_is_given_up(void **state) {
        struct pair *p = *state;
        struct ipc_message m = { .type = IPC_DRAIN };
        int r;

        do
                r = ipc_message_send(p->a, &m, NULL);
        while (r == 0);
        assert_int_equal(r, -ETIMEDOUT);
        assert_int_equal(ipc_message_send_at_once(p->a, &m, NULL), -EAGAIN);
}

/* Descriptors that nobody receives count against the limit of their sender's user. The child has 16. */
static void hold_and_let_go(struct pair *p) {
        struct rlimit limit = { 16, 16 };
        int fds[IPC_FDS_MAX] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO, STDIN_FILENO }, more[IPC_FDS_MAX], ends[2],
            held = 0;
        struct ipc_message m = { .type = IPC_SPAWNED }, in;

        if (channel_pair(ends) < 0 || setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
            (geteuid() == 0 && setresuid(64321, 64321, 64321) < 0))
                _exit(2);
        while (held < 100 && ipc_message_send_at_once(ends[0], &m, fds) == 0)
                held++;
        if (held == 0 || held == 100 || ipc_message_send_at_once(p->a, &m, fds) != -ETOOMANYREFS)
                _exit(3);
        if (fork() == 0) {
                usleep(200000); /* the other is to find them refused first; it does not depend on that */
                while (ipc_message_receive(ends[1], &in, more) == 0)
                        ipc_message_close_fds(more);
                _exit(0);
        }
        _exit(ipc_message_send(p->a, &m, fds) == 0 ? 0 : 4);
}

static void test_descriptors_that_are_refused_for_a_time_arrive(void **state) {
        struct pair *p = *state;
        int fds[IPC_FDS_MAX], status;
        struct ipc_message in;
        pid_t pid = fork();

        if (pid == 0)
                hold_and_let_go(p);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(ipc_message_receive(p->b, &in, fds), 0);
        ipc_message_close_fds(fds);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_descriptors_come_along, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_makes_no_sense_is_refused_and_leaks_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_text_is_always_terminated, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_end_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_descriptors_that_are_refused_for_a_time_arrive, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_peer_that_does_not_read_is_given_up, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
