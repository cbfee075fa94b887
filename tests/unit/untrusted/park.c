/* SPDX-License-Identifier: MIT */
/* untrusted/park.h: a park has one thing to say. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "opened.h"
#include "untrusted/park.h"

static void test_words(void **state) {
        _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        for (uint32_t type = 1; type < _IPC_TYPE_MAX; type++) {
                struct ipc_message m = { .type = type };
                int before, ends[2];

                assert_int_equal(channel_pair(ends), 0);
                assert_int_equal(untrusted_park_hear(ends[0]), UNTRUSTED_PARK_E_EMPTY);
                before = fd_count_open();
                assert_int_equal(ipc_message_send(ends[1], &m, (int[IPC_FDS_MAX]){ null, null, null, null }), 0);
                assert_int_equal(untrusted_park_hear(ends[0]), type == IPC_PARK_LEAVES ? 0 : -EBADMSG);
                opened_assert(before);
                fd_close(ends[0]);
                fd_close(ends[1]);
        }
}

static void test_what_is_no_message(void **state) {
        int ends[2];

        assert_int_equal(channel_pair(ends), 0);
        assert_int_equal(send(ends[1], "x", 1, 0), 1);
        assert_int_equal(untrusted_park_hear(ends[0]), -EBADMSG);
        fd_close(ends[1]);
        assert_int_equal(untrusted_park_hear(ends[0]), UNTRUSTED_PARK_E_GONE);
        fd_close(ends[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_what_is_no_message),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
