/* SPDX-License-Identifier: MIT */
/* What becomes of a connection that the kernel does not watch. */

#include "scene.h"

static void assert_given_up(struct scene *s, int fd, const char *line) {
        char text[512] = "";

        assert_int_equal(s->park.n, 0);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n + s->park.lists[CONNECTION_RECEIVING].n, 0);
        assert_int_equal(s->park.n_bytes, 0);
        assert_int_equal(s->numbers.refused, 1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(errno, EBADF);
        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, line));
}

static void test_an_idle_one_that_cannot_be_watched_is_closed(void **state) {
        struct scene *s = *state;
        int fd = memfd_create("no socket", MFD_CLOEXEC); /* EPERM of epoll_ctl(2) */

        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP }, fd);
        assert_given_up(s, fd, "closed: nobody would hear of its client: Operation not permitted");
}

static void test_half_a_request_that_cannot_be_watched_is_closed(void **state) {
        struct scene *s = *state;
        int fd = memfd_create("no socket", MFD_CLOEXEC);

        memcpy(s->park.buf, "\1\1\0", 3);
        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP, .n_in = 3, .begun = s->park.now }, fd);
        assert_given_up(s, fd, "closed: nobody would hear of its client: Operation not permitted");
}

static void test_one_line_for_many(void **state) {
        struct scene *s = *state;
        char text[2048] = "";
        int n = 0;

        for (int i = 0; i < 5; i++)
                intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP },
                           memfd_create("no socket", MFD_CLOEXEC));
        assert_true(pread(s->log, text, sizeof(text) - 1, 0) > 0);
        for (const char *p = text; (p = strchr(p, '\n')); p++)
                n++;
        assert_int_equal(n, 1);
        assert_int_equal(s->numbers.refused, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_an_idle_one_that_cannot_be_watched_is_closed),
                SCENE_TEST(test_half_a_request_that_cannot_be_watched_is_closed),
                SCENE_TEST(test_one_line_for_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
