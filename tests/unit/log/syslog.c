/* SPDX-License-Identifier: MIT */
/* Syslog's own protocol: php-fpm's text, and which socket is whose. */

#include "log/syslog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

/* Also a process that has inherited it knows which of the two it is. */
static void test_syslog_is_told_from_the_journal(void **state) {
        static const struct log_entry entry = { .level = LOG_LEVEL_WARNING, .message = "text\nmore" };
        static const struct log_identity who = { .ident = "site", .facility = LOG_LOCAL5 };
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        static const sa_family_t any_name = AF_UNIX;
        _cleanup_text_ struct text t = {};
        char end[64];

        assert_false(log_syslog_is(-1));
        assert_false(log_syslog_is(fd));
        assert_int_equal(bind(fd, (const struct sockaddr *)&any_name, sizeof(any_name)), 0);
        assert_true(log_syslog_is(fd));
        log_syslog_format(&who, "www", 0, &entry, &t);
        snprintf(end, sizeof(end), " site[%d]: [WARNING] [pool www] text\\nmore", getpid());
        assert_int_equal(strncmp(text_peek(&t), "<172>", 5), 0);
        assert_string_equal(text_peek(&t) + strlen("<172>Jan  1 00:00:00"), end);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_syslog_is_told_from_the_journal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
