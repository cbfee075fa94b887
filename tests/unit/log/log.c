/* SPDX-License-Identifier: MIT */
/* Where an entry goes, and that it goes there once. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "log/out.h"

/* Everything a test looks at: a file as stderr, a file as log, a socket as journal. */
struct world {
        int saved_stderr;
        int err;
        int file;
        int journal[2];
};

static int world_begin(void **state) {
        struct world *w = calloc(1, sizeof(*w));

        unsetenv("JOURNAL_STREAM");
        w->saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        w->err = fd_new_memfd("stderr");
        w->file = fd_new_memfd("log");
        if (w->err < 0 || w->file < 0 || dup2(w->err, STDERR_FILENO) < 0 ||
            socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, w->journal) < 0)
                return -1;
        log_set_pool(NULL);
        *state = w;
        return 0;
}

static int world_end(void **state) {
        struct world *w = *state;

        dup2(w->saved_stderr, STDERR_FILENO);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        close(w->saved_stderr);
        close(w->err);
        close(w->file);
        close(w->journal[0]);
        close(w->journal[1]);
        free(w);
        return 0;
}

static char *contents(int fd) {
        char *s = NULL;

        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(fd_read_all(fd, SIZE_MAX, &s, NULL), 0);
        return s;
}

/* The lines without their "[time] ", which is checked for its form. */
static void assert_lines(int fd, const char *want) {
        _cleanup_free_ char *all = contents(fd);
        _cleanup_text_ struct text got = {};

        for (char *line = all, *next; *line; line = next) {
                char *time = strchr(line, '['), *rest = strstr(line, "] ");

                next = strchr(line, '\n');
                assert_non_null(next);
                *next++ = '\0';
                assert_non_null(time);
                assert_non_null(rest);
                assert_true(rest - time == 21 || rest - time == 28);
                text_append_n(&got, line, (size_t)(time - line));
                text_append(&got, rest + 2);
                text_append_c(&got, '\n');
        }
        assert_string_equal(text_peek(&got), want);
}

/* Entries that wait in the journal's socket; forgets them. */
static int journal_count(const struct world *w) {
        char buf[4096];
        int n = 0;

        while (recv(w->journal[1], buf, sizeof(buf), MSG_DONTWAIT) >= 0)
                n++;
        assert_int_equal(errno, EAGAIN);
        return n;
}

static void set_journal_stream(int fd) {
        char value[64];
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        snprintf(value, sizeof(value), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", value, 1);
}

/* First in the list: nothing was set up yet. */
static void test_before_init_stderr(void **state) {
        const struct world *w = *state;

        log_debug("not this");
        log_notice("this %d", 1);
        assert_lines(w->err, "NOTICE: this 1\n");
}

static void test_level(void **state) {
        const struct world *w = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = w->file, .level = LOG_LEVEL_WARNING });
        assert_false(log_enabled(LOG_LEVEL_NOTICE));
        assert_true(log_enabled(LOG_LEVEL_WARNING));
        log_debug("a");
        log_notice("b");
        log_warning("c");
        log_error("d");
        log_alert("e");
        assert_lines(w->file, "WARNING: c\nERROR: d\nALERT: e\n");
        assert_lines(w->err, "");
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_DEBUG });
        assert_false(log_enabled(LOG_LEVEL_ALERT)); /* there is nowhere to write */
}

static void test_debug_adds_pid_and_place(void **state) {
        const struct world *w = *state;
        char want[96];
        int line;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = w->file, .level = LOG_LEVEL_DEBUG });
        line = __LINE__ + 1;
        log_notice("x");
        snprintf(want, sizeof(want), "NOTICE: pid %d, %s(), line %d: x\n", (int)getpid(), __func__, line);
        assert_lines(w->file, want);
}

static void test_pool(void **state) {
        const struct world *w = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = w->file, .level = LOG_LEVEL_NOTICE });
        log_set_pool("www");
        log_notice("a");
        log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .pool = "other", .message = "b" });
        assert_lines(w->file, "NOTICE: [pool www] a\nNOTICE: [pool other] b\n");
}

static void test_to_all(void **state) {
        const struct world *w = *state;

        log_init(&(struct log_setup){
                .journal_fd = w->journal[0], .file_fd = w->file, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        log_notice("x");
        assert_lines(w->file, "NOTICE: x\n");
        assert_lines(w->err, "NOTICE: x\n");
        assert_int_equal(journal_count(w), 1);
}

static void test_journal_gets_it_once(void **state) {
        const struct world *w = *state;

        set_journal_stream(STDERR_FILENO);
        assert_true(log_stderr_is_journal());
        log_init(&(struct log_setup){
                .journal_fd = w->journal[0], .file_fd = -1, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        log_notice("x");
        assert_lines(w->err, "");
        assert_int_equal(journal_count(w), 1);
}

static void test_journal_by_stderr_alone(void **state) {
        const struct world *w = *state;

        set_journal_stream(STDERR_FILENO);
        log_init(&(struct log_setup){
                .journal_fd = -1, .file_fd = w->file, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        log_notice("x");
        log_alert("y");
        assert_lines(w->err, "<5>NOTICE: x\n<1>ALERT: y\n");
        assert_lines(w->file, "NOTICE: x\nALERT: y\n");
}

static void test_stderr_of_another_is_not_the_journal(void **state) {
        const struct world *w = *state;

        set_journal_stream(w->file);
        assert_false(log_stderr_is_journal());
        log_init(&(struct log_setup){
                .journal_fd = w->journal[0], .file_fd = -1, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        log_notice("x");
        assert_lines(w->err, "NOTICE: x\n");
        assert_int_equal(journal_count(w), 1);
}

/* What goes nowhere is counted, once, and does not keep the others from having it. */
static void test_dropped_is_counted(void **state) {
        const struct world *w = *state;
        uint64_t before = log_out_lost();
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC), r;

        log_init(&(struct log_setup){
                .journal_fd = w->journal[0], .file_fd = full, .to_stderr = true, .level = LOG_LEVEL_NOTICE });
        errno = EXDEV;
        r = log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .message = "x" });
        assert_int_equal(errno, EXDEV);
        assert_int_equal(r, -EAGAIN);
        assert_int_equal(log_out_lost(), before + 1);
        assert_int_equal(journal_count(w), 1);
        assert_lines(w->err, "NOTICE: x\n");
        log_notice("y");
        assert_int_equal(log_out_lost(), before + 2);
        close(full);
}

/* A line that went out in part must not swallow the next one. */
static void test_line_after_a_cut_one(void **state) {
        static char big[300000];
        char buf[sizeof(big)];
        uint64_t before = log_out_lost();
        ssize_t n;
        int p[2];

        memset(big, 'x', sizeof(big) - 1);
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = p[1], .level = LOG_LEVEL_NOTICE });
        alarm(20);
        assert_int_equal(log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .message = big }), -EAGAIN);
        assert_int_equal(log_out_lost(), before + 1);
        n = read(p[0], buf, sizeof(buf));
        assert_in_range(n, 1, sizeof(buf));
        assert_null(memchr(buf, '\n', (size_t)n));
        log_notice("next");
        log_notice("after");
        alarm(0);
        n = read(p[0], buf, sizeof(buf) - 1);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_int_equal(buf[0], '\n');
        assert_non_null(strstr(buf, "] NOTICE: next\n["));
        assert_non_null(strstr(buf, "] NOTICE: after\n"));
        assert_null(strstr(buf, "\n\n"));
        close(p[0]);
        close(p[1]);
}

static void test_errno_is_kept_and_printable(void **state) {
        const struct world *w = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = w->file, .level = LOG_LEVEL_NOTICE });
        errno = ENOENT;
        log_error("open: %m");
        assert_int_equal(errno, ENOENT);
        assert_lines(w->file, "ERROR: open: No such file or directory\n");
}

static void test_level_names(void **state) {
        static const char *const names[] = { "debug", "notice", "warning", "error", "alert" };
        enum log_level level;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(log_level_from_name(names[i], &level), 0);
                assert_int_equal(level, LOG_LEVEL_DEBUG + i);
                assert_string_equal(log_level_name(level), names[i]);
        }
        assert_int_equal(log_level_from_name("WARNING", &level), 0);
        assert_int_equal(level, LOG_LEVEL_WARNING);
        assert_int_equal(log_level_from_name("info", &level), -EINVAL);
        assert_int_equal(log_level_from_name("", &level), -EINVAL);
}

/* Every event is explained in the journal's catalog, and the catalog explains nothing else. */
static void test_catalog(void **state) {
        static const char *const ids[] = {
#define X(symbol, id) id,
                LOG_EVENTS(X)
#undef X
        };
        _cleanup_free_ char *catalog = NULL;
        size_t n_entries = 0;

        assert_int_equal(fd_read_file(CATALOG, SIZE_MAX, &catalog, NULL), 0);
        for (const char *s = catalog; (s = strstr(s, "\n-- ")); s += 4)
                n_entries++;
        assert_int_equal(n_entries, ELEMENTSOF(ids));
        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                char head[64];

                assert_int_equal(strlen(ids[i]), 32);
                snprintf(head, sizeof(head), "\n-- %s\nSubject: ", ids[i]);
                if (!strstr(catalog, head))
                        fail_msg("the catalog does not explain %s", ids[i]);
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_before_init_stderr),
                TEST(test_level),
                TEST(test_debug_adds_pid_and_place),
                TEST(test_pool),
                TEST(test_to_all),
                TEST(test_journal_gets_it_once),
                TEST(test_journal_by_stderr_alone),
                TEST(test_stderr_of_another_is_not_the_journal),
                TEST(test_dropped_is_counted),
                TEST(test_line_after_a_cut_one),
                TEST(test_errno_is_kept_and_printable),
                TEST(test_level_names),
                cmocka_unit_test(test_catalog),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
