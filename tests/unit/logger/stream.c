/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "log/log.h"
#include "logger/stream.h"

#define HEAD  "WARNING: [pool www] child 4711 said into stderr: "
#define LIMIT 512

struct scene {
        struct stream *stream;
        int pipe[2];
        int log;
};

static int open_scene(void **state, bool bare) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->log = memfd_create("log", MFD_CLOEXEC);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = s->log, .level = LOG_LEVEL_NOTICE });
        assert_int_equal(pipe2(s->pipe, O_CLOEXEC), 0);
        assert_int_equal(
                stream_new(&(struct stream_setup){ "stderr", "www", 4711, bare, LIMIT }, s->pipe[0], &s->stream), 0);
        *state = s;
        return 0;
}

static int set_up(void **state) {
        return open_scene(state, false);
}

static int set_up_bare(void **state) {
        return open_scene(state, true);
}

static int tear_down(void **state) {
        struct scene *s = *state;

        if (s->stream)
                stream_free(s->stream);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        fd_close(s->pipe[1]);
        fd_close(s->log);
        free(s);
        return 0;
}

static void say(const struct scene *s, const char *text, size_t n) {
        assert_int_equal(write(s->pipe[1], text, n), n);
        while (stream_read(s->stream) == 0)
                ;
}

/* The log without its times. */
static void assert_logged(const struct scene *s, const char *expected) {
        char text[8192], bare[8192];
        ssize_t n = pread(s->log, text, sizeof(text) - 1, 0);
        size_t k = 0;

        assert_true(n >= 0);
        text[n] = '\0';
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
                if (*line == '[')
                        line = strchr(line, ']') + 2;
                memcpy(bare + k, line, (size_t)(end - line) + 1);
                k += (size_t)(end - line) + 1;
        }
        bare[k] = '\0';
        assert_string_equal(bare, expected);
}

static void test_lines(void **state) {
        struct scene *s = *state;

        say(s, "one\ntwo\n\nth", 11);
        assert_logged(s, HEAD "\"one\"\n" HEAD "\"two\"\n");
        say(s, "ree\0four", 8);
        assert_logged(s, HEAD "\"one\"\n" HEAD "\"two\"\n" HEAD "\"three\"\n");
        stream_free(TAKE_PTR(s->stream));
        assert_logged(s, HEAD "\"one\"\n" HEAD "\"two\"\n" HEAD "\"three\"\n" HEAD "\"four\"\n");
}

static void test_bare_lines_up_to_the_limit(void **state) {
        struct scene *s = *state;
        char text[LIMIT + 10], expected[sizeof(text) + 2];

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\n';
        say(s, text, sizeof(text));
        memset(expected, 'x', sizeof(expected));
        expected[LIMIT - 1] = '\n';
        expected[sizeof(text)] = '\n';
        expected[sizeof(text) + 1] = '\0';
        assert_logged(s, expected);
}

/* It neither waits nor ends while somebody may still write. */
static void test_end(void **state) {
        struct scene *s = *state;

        assert_int_equal(stream_read(s->stream), STREAM_E_EMPTY);
        s->pipe[1] = fd_close(s->pipe[1]);
        assert_int_equal(stream_read(s->stream), STREAM_E_END);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bare_lines_up_to_the_limit, set_up_bare, tear_down),
                cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
