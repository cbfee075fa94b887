/* SPDX-License-Identifier: MIT */
/* Lines: php-fpm's bytes, nothing forged, and no write that waits. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "log/line.h"

/* 21 November 2026, 20:46:42.000123 UTC */
#define WALL (1795294002ULL * USEC_PER_SEC + 123)

static const struct {
        const char *says;
        struct log_entry entry;
        const char *pool;
        pid_t detail_pid;
        const char *line;
} formats[] = {
        { "a plain entry",
          { .level = LOG_LEVEL_NOTICE, .message = "ready to handle connections" },
          NULL,
          0,
          "[21-Nov-2026 20:46:42] NOTICE: ready to handle connections\n" },
        { "a pool's entry",
          { .level = LOG_LEVEL_WARNING, .message = "child 41 exited with code 1" },
          "www",
          0,
          "[21-Nov-2026 20:46:42] WARNING: [pool www] child 41 exited with code 1\n" },
        { "errors", { .level = LOG_LEVEL_ERROR, .message = "x" }, NULL, 0, "[21-Nov-2026 20:46:42] ERROR: x\n" },
        { "alerts", { .level = LOG_LEVEL_ALERT, .message = "x" }, NULL, 0, "[21-Nov-2026 20:46:42] ALERT: x\n" },
        { "debug adds microseconds, pid and place",
          { .level = LOG_LEVEL_DEBUG, .message = "x" },
          "www",
          7,
          "[21-Nov-2026 20:46:42.000123] DEBUG: pid 7, place(), line 9: [pool www] x\n" },
        { "a bare one", { .level = LOG_LEVEL_WARNING, .message = "a\nb", .bare = true }, "www", 0, "a\\nb\n" },
        { "no message", { .level = LOG_LEVEL_NOTICE }, "", 0, "[21-Nov-2026 20:46:42] NOTICE: \n" },
        { "a newline cannot forge a line",
          { .level = LOG_LEVEL_NOTICE, .message = "a\n[21-Nov-2026 20:46:42] ALERT: b" },
          NULL,
          0,
          "[21-Nov-2026 20:46:42] NOTICE: a\\n[21-Nov-2026 20:46:42] ALERT: b\n" },
        { "nor can a pool's name",
          { .level = LOG_LEVEL_NOTICE, .message = "x" },
          "a\rb",
          0,
          "[21-Nov-2026 20:46:42] NOTICE: [pool a\\rb] x\n" },
};

static void test_format(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                _cleanup_text_ struct text t = {};

                log_line_format(&(struct log_line){ .entry = &formats[i].entry,
                                                    .pool = formats[i].pool,
                                                    .wall = WALL,
                                                    .detail_pid = formats[i].detail_pid,
                                                    .function = "place",
                                                    .code_line = 9 },
                                &t);
                if (strcmp(text_peek(&t), formats[i].line) != 0)
                        fail_msg("%s: %s", formats[i].says, text_peek(&t));
        }
}

static const struct {
        const char *says;
        const char *in, *out;
} escapes[] = {
        { "ordinary text", "GET /index.php?a=b", "GET /index.php?a=b" },
        { "a backslash stays one", "App\\News", "App\\News" },
        { "newlines at the end go away", "text\n\n", "text" },
        { "only newlines", "\n\n", "" },
        { "newlines inside are shown", "a\nb\n", "a\\nb" },
        { "a carriage return", "a\rb", "a\\rb" },
        { "a tab stays one", "\tpid = x", "\tpid = x" },
        { "a terminal's escape", "\033[2J", "\\x1b[2J" },
        { "delete", "\x7f", "\\x7f" },
        { "a C1 control in UTF-8",
          "a\xc2\x9b"
          "2J",
          "a\\xc2\\x9b2J" },
        { "UTF-8 text stays", "na\xc3\xafve \xe2\x82\xac \xc2\xa0", "na\xc3\xafve \xe2\x82\xac \xc2\xa0" },
        { "an incomplete character at the end", "a\xc2", "a\xc2" },
        { "every low byte", "\x01\x08\x0b\x0c\x0e\x1f", "\\x01\\x08\\x0b\\x0c\\x0e\\x1f" },
};

static void test_escape(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(escapes); i++) {
                _cleanup_text_ struct text t = {};

                log_line_escape(escapes[i].in, &t);
                if (strcmp(text_peek(&t), escapes[i].out) != 0)
                        fail_msg("%s: %s", escapes[i].says, text_peek(&t));
        }
}

static void test_priorities(void **state) {
        assert_int_equal(log_line_priority(LOG_LEVEL_DEBUG), 7);
        assert_int_equal(log_line_priority(LOG_LEVEL_NOTICE), 5);
        assert_int_equal(log_line_priority(LOG_LEVEL_WARNING), 4);
        assert_int_equal(log_line_priority(LOG_LEVEL_ERROR), 3);
        assert_int_equal(log_line_priority(LOG_LEVEL_ALERT), 1);
}

/* Fills it to the last byte, and leaves it blocking: a write that waits would wait for ever (until the alarm). */
static void fill(int fd) {
        static const char block[4096];

        assert_int_equal(fd_set_nonblock(fd, true), 0);
        while (write(fd, block, sizeof(block)) > 0)
                ;
        while (write(fd, block, 1) > 0)
                ;
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(fd_set_nonblock(fd, false), 0);
}

static void drain(int fd) {
        char buf[65536];

        assert_int_equal(fd_set_nonblock(fd, true), 0);
        while (read(fd, buf, sizeof(buf)) > 0)
                ;
}

static void check_full_does_not_wait(int reader, int writer) {
        char buf[64];

        assert_int_equal(log_line_write_some(writer, "one\n", 4), 4);
        assert_int_equal(read(reader, buf, sizeof(buf)), 4);
        assert_memory_equal(buf, "one\n", 4);

        alarm(20);
        fill(writer);
        assert_int_equal(log_line_write_some(writer, "two\n", 4), -EAGAIN);
        drain(reader);
        assert_int_equal(log_line_write_some(writer, "three\n", 6), 6);
        alarm(0);
        assert_int_equal(read(reader, buf, sizeof(buf)), 6);
        assert_memory_equal(buf, "three\n", 6);
}

static void test_full_pipe(void **state) {
        int p[2];

        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        check_full_does_not_wait(p[0], p[1]);
        close(p[0]);
        close(p[1]);
}

/* A FIFO knows no RWF_NOWAIT, as pipes of kernels before 6.4: the writer that polls. */
static void open_fifo(int p[static 2]) {
        char dir[] = "/tmp/fpmd-test-XXXXXX", path[64];

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/fifo", dir);
        assert_int_equal(mkfifo(path, 0600), 0);
        p[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        p[1] = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(p[0] >= 0 && p[1] >= 0);
        unlink(path);
        rmdir(dir);
}

static void test_full_fifo(void **state) {
        int p[2];

        open_fifo(p);
        check_full_does_not_wait(p[0], p[1]);
        close(p[0]);
        close(p[1]);
}

static void test_full_socket(void **state) {
        int p[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
        check_full_does_not_wait(p[0], p[1]);
        close(p[0]);
        close(p[1]);
}

/* A line that is longer than what the pipe has left goes out in part, and says so. */
static void check_long_line(int p[static 2]) {
        static char line[300000];
        int n;

        memset(line, 'x', sizeof(line));
        alarm(20);
        assert_in_range(log_line_write_some(p[1], line, sizeof(line)), PIPE_BUF, sizeof(line) - 1);
        alarm(0);
        assert_int_equal(ioctl(p[0], FIONREAD, &n), 0);
        assert_in_range(n, PIPE_BUF, sizeof(line) - 1);
        close(p[0]);
        close(p[1]);
}

static void test_long_line_in_a_small_pipe(void **state) {
        int p[2];

        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        check_long_line(p);
        open_fifo(p);
        check_long_line(p);
}

static void test_reader_is_gone(void **state) {
        int p[2];

        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        close(p[0]);
        assert_int_equal(log_line_write_some(p[1], "x\n", 2), -EPIPE);
        close(p[1]);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
        close(p[0]);
        assert_int_equal(log_line_write_some(p[1], "x\n", 2), -EPIPE);
        close(p[1]);
        assert_int_equal(log_line_write_some(-1, "x\n", 2), -EBADF);
}

static void test_device_and_full_disk(void **state) {
        _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        _cleanup_fd_ int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

        assert_int_equal(log_line_write_some(null, "x\n", 2), 2);
        assert_int_equal(log_line_write_some(full, "x\n", 2), -ENOSPC);
        assert_int_equal(log_line_write_some(terminal, "x\n", 2), 2);
}

/* One write per line: of two processes that append to one file, every line is whole. */
static void test_lines_of_two_writers_stay_whole(void **state) {
        enum { LINES = 2000, LEN = 5000 };
        _cleanup_free_ char *got = NULL;
        char path[] = "/tmp/fpmd-test-XXXXXX", line[LEN];
        _cleanup_fd_ int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
        size_t n;
        pid_t pid;
        int status;

        assert_true(fd >= 0);
        unlink(path);
        pid = fork();
        assert_true(pid >= 0);
        memset(line, pid ? 'a' : 'b', LEN - 1);
        line[LEN - 1] = '\n';
        for (int i = 0; i < LINES; i++)
                if (log_line_write_some(fd, line, LEN) != LEN)
                        abort();
        if (pid == 0)
                _exit(0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(fd_read_all(fd, SIZE_MAX, &got, &n), 0);
        assert_int_equal(n, 2 * LINES * LEN);
        for (size_t i = 0; i < n; i += LEN) {
                memset(line, got[i], LEN - 1);
                assert_memory_equal(got + i, line, LEN);
        }
}

static int setup(void **state) {
        setenv("TZ", "UTC0", 1);
        tzset();
        return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_priorities),
                cmocka_unit_test(test_full_pipe),
                cmocka_unit_test(test_full_fifo),
                cmocka_unit_test(test_full_socket),
                cmocka_unit_test(test_long_line_in_a_small_pipe),
                cmocka_unit_test(test_reader_is_gone),
                cmocka_unit_test(test_device_and_full_disk),
                cmocka_unit_test(test_lines_of_two_writers_stay_whole),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
