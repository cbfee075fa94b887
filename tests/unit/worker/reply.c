/* SPDX-License-Identifier: MIT */
/* worker/reply.h without a worker: what a connection that has failed has left to send. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/fd.h"
#include "worker/reply.h"
#include "worker/transport.h"

static void test_nothing_is_left_of_a_reply_that_failed_half_way(void **state) {
        struct transport *t = calloc(1, sizeof(*t));
        int ends[2];

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        stream_open(&t->stream, ends[0]);
        t->exchange.n_out = 100;
        t->exchange.n_sent = 40;
        fd_close(ends[1]);

        assert_int_equal(reply_send_last(t, false), -EPIPE);
        assert_int_equal(t->phase, CONNECTION_BROKEN);
        assert_int_equal(t->exchange.n_out - t->exchange.n_sent, 0);
        assert_int_equal(reply_send_rest(t), 0);
        stream_close(&t->stream);
        free(t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_left_of_a_reply_that_failed_half_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
