/* SPDX-License-Identifier: MIT */
/* An order and its descriptors arrive as they were sent, places without one included. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "child/order.h"
#include "ipc/channel.h"
#include "ipc/inherit.h"

static int pair[2];

static int set_up(void **state) {
        (void)state;
        return channel_pair(pair);
}

static int tear_down(void **state) {
        (void)state;
        close(pair[0]);
        close(pair[1]);
        return 0;
}

static ino_t inode(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return st.st_ino;
}

/* Both are closed. */
static void check_same(int sent, int got) {
        assert_int_equal(sent < 0, got < 0);
        if (sent < 0)
                return;
        assert_int_equal(inode(sent), inode(got));
        assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
        close(sent);
        close(got);
}

/* As many pipes as the order has places; those of the mask stay free. */
static void open_all(int *fds, size_t n, uint32_t absent) {
        for (size_t i = 0; i < n; i++) {
                int ends[2];

                fds[i] = -1;
                if (i < INHERIT_N_FIXED && (absent & (1U << i)))
                        continue;
                assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
                close(ends[1]);
                fds[i] = ends[0];
        }
}

static const struct {
        uint32_t n_listeners, absent;
} rows[] = {
        { 1, 0 },
        { 1, 1U << (INHERIT_CHROOT - INHERIT_FIRST) },
        { 2, (1U << INHERIT_N_FIXED) - 2 }, /* the first alone, and the listeners */
        { 5, 0x5 << 1 },
        { ORDER_FDS_MAX - INHERIT_N_FIXED, 0 },
        { ORDER_FDS_MAX - INHERIT_N_FIXED, 1 },
};

static void test_arrives(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct order sent = { .generation = 7,
                                      .n_listeners = rows[i].n_listeners,
                                      .log_level = 3,
                                      .is_reload = true,
                                      .who = { .change = true, .uid = 11, .gid = 12, .name = "shop" } },
                             got;
                struct order_fds fds = { .n = INHERIT_N_FIXED + rows[i].n_listeners }, there;

                open_all(fds.fds, fds.n, rows[i].absent);
                open_all(&fds.gate, 1, 0);
                assert_int_equal(order_send(pair[0], &sent, &fds), 0);
                assert_int_equal(order_receive(pair[1], &got, &there), 0);
                assert_int_equal(there.n, fds.n);
                assert_memory_equal(&got, &sent, sizeof(got));
                check_same(fds.gate, there.gate);
                for (size_t k = 0; k < fds.n; k++)
                        check_same(fds.fds[k], there.fds[k]);
        }
}

static void test_too_many(void **state) {
        struct order o = { .n_listeners = ORDER_FDS_MAX };
        struct order_fds fds = { .n = INHERIT_N_FIXED + ORDER_FDS_MAX };

        (void)state;
        assert_int_equal(order_send(pair[0], &o, &fds), -E2BIG);
}

static void test_master_has_gone(void **state) {
        struct order_fds fds;
        struct order o;

        (void)state;
        close(pair[0]);
        assert_int_equal(order_receive(pair[1], &o, &fds), ORDER_E_END);
        pair[0] = dup(pair[1]);
}

static void test_answer(void **state) {
        struct order_answer a;

        (void)state;
        assert_int_equal(order_receive_answer(pair[0], &a), -EAGAIN);
        assert_int_equal(order_send_answer(pair[1], &(struct order_answer){ .error = -ENOMEM, .pid = 5 }), 0);
        assert_int_equal(order_receive_answer(pair[0], &a), 0);
        assert_int_equal(a.error, -ENOMEM);
        assert_int_equal(a.pid, 5);
        close(pair[1]);
        assert_int_equal(order_receive_answer(pair[0], &a), -EPIPE);
        pair[1] = dup(pair[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_arrives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_master_has_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_answer, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
