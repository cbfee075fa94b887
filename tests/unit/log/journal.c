/* SPDX-License-Identifier: MIT */
/*
 * The journal's protocol, read back by a parser written from its description alone: what a value holds must never
 * become a field.
 */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "log/journal.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct field {
        const char *name;
        size_t n_name;
        const char *value;
        size_t n_value;
};

struct parsed {
        char *data;
        struct field fields[32];
        size_t n_fields;
};

static int send_entry(int fd, const struct log_identity *who, const char *pool, const struct log_entry *entry) {
        _cleanup_text_ struct text t = {};

        assert_int_equal(log_journal_format(who, pool, entry, &t), 0);
        return log_journal_send(fd, t.data, t.n);
}

static void parsed_done(struct parsed *p) {
        free(p->data);
}

/* Splits n bytes at p->data into fields; fails the test on a byte that the protocol does not allow. */
static void parse(struct parsed *p, size_t n) {
        const char *s = p->data, *end = p->data + n;

        while (s < end) {
                struct field *f = &p->fields[p->n_fields++];
                uint64_t size;

                assert_true(p->n_fields <= ELEMENTSOF(p->fields));
                f->name = s;
                f->n_name = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
                assert_true(f->n_name > 0);
                s += f->n_name;
                if (*s == '=') {
                        f->value = s + 1;
                        s = memchr(s, '\n', (size_t)(end - s));
                        assert_non_null(s);
                        f->n_value = (size_t)(s - f->value);
                } else {
                        assert_int_equal(*s, '\n');
                        memcpy(&size, s + 1, sizeof(size));
                        f->value = s + 1 + sizeof(size);
                        f->n_value = le64toh(size);
                        assert_true(f->n_value < (size_t)(end - f->value));
                        s = f->value + f->n_value;
                }
                assert_int_equal(*s, '\n');
                s++;
        }
}

/* Takes one entry from the socket, datagram or memfd. Returns true when it was a memfd. */
static bool receive(int fd, struct parsed *p) {
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = { .iov_base = malloc(1 << 20), .iov_len = 1 << 20 };
        struct msghdr mh = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *c;
        _cleanup_fd_ int memfd = -1;
        size_t size;
        ssize_t n;

        *p = (struct parsed){};
        n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        assert_true(n >= 0);
        c = CMSG_FIRSTHDR(&mh);
        if (!c) {
                p->data = iov.iov_base;
                p->data[n] = '\0';
                parse(p, (size_t)n);
                return false;
        }
        free(iov.iov_base);
        assert_int_equal(n, 0);
        memcpy(&memfd, CMSG_DATA(c), sizeof(int));
        assert_int_equal(fcntl(memfd, F_GET_SEALS) & SEALS, SEALS);
        assert_int_equal(lseek(memfd, 0, SEEK_SET), 0);
        assert_int_equal(fd_read_all(memfd, SIZE_MAX, &p->data, &size), 0);
        parse(p, size);
        return true;
}

/* The one field of this name, as a string of the caller's; NULL when there is none. */
static char *get(const struct parsed *p, const char *name) {
        char *value = NULL;

        for (size_t i = 0; i < p->n_fields; i++)
                if (p->fields[i].n_name == strlen(name) && memcmp(p->fields[i].name, name, strlen(name)) == 0) {
                        assert_null(value);
                        value = strndup(p->fields[i].value, p->fields[i].n_value);
                }
        return value;
}

static void assert_field(const struct parsed *p, const char *name, const char *want) {
        _cleanup_free_ char *value = get(p, name);

        if (!value || strcmp(value, want) != 0)
                fail_msg("%s is %s", name, value ? value : "missing");
}

static void make_journal(int p[static 2]) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p), 0);
}

static void test_every_field(void **state) {
        static const struct log_entry e = {
                .level = LOG_LEVEL_WARNING,
                .event = LOG_EVENT_PHP_ERROR,
                .message = "PHP Warning:  x",
                .code_file = "/srv/a.php",
                .code_line = 12,
                .method = "GET",
                .uri = "/a.php?b=c",
                .script = "/srv/a.php",
                .peer = "127.0.0.1:40000",
                .worker_pid = UINT64_MAX,
                .generation = 3,
        };
        __attribute__((__cleanup__(parsed_done))) struct parsed p = {};
        int s[2];

        make_journal(s);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "php-fpm", LOG_DAEMON }, "www", &e), 0);
        assert_false(receive(s[1], &p));
        assert_int_equal(p.n_fields, 14);
        assert_field(&p, "MESSAGE", "PHP Warning:  x");
        assert_field(&p, "PRIORITY", "4");
        assert_field(&p, "SYSLOG_FACILITY", "3");
        assert_field(&p, "SYSLOG_IDENTIFIER", "php-fpm");
        assert_field(&p, "MESSAGE_ID", "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b0a");
        assert_field(&p, "FPMD_POOL", "www");
        assert_field(&p, "CODE_FILE", "/srv/a.php");
        assert_field(&p, "CODE_LINE", "12");
        assert_field(&p, "FPMD_REQUEST_METHOD", "GET");
        assert_field(&p, "FPMD_REQUEST_URI", "/a.php?b=c");
        assert_field(&p, "FPMD_SCRIPT", "/srv/a.php");
        assert_field(&p, "FPMD_PEER", "127.0.0.1:40000");
        assert_field(&p, "FPMD_WORKER_PID", "18446744073709551615");
        assert_field(&p, "FPMD_GENERATION", "3");
        close(s[0]);
        close(s[1]);
}

static void test_what_is_unknown_is_left_out(void **state) {
        __attribute__((__cleanup__(parsed_done))) struct parsed p = {};
        int s[2];

        make_journal(s);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL,
                                    &(struct log_entry){ .level = LOG_LEVEL_NOTICE }),
                         0);
        receive(s[1], &p);
        assert_int_equal(p.n_fields, 4);
        assert_field(&p, "MESSAGE", "");
        assert_field(&p, "PRIORITY", "5");
        assert_field(&p, "SYSLOG_IDENTIFIER", "fpmd");
        close(s[0]);
        close(s[1]);
}

static void test_facility_and_identifier_are_the_configurations(void **state) {
        __attribute__((__cleanup__(parsed_done))) struct parsed p = {};
        int s[2];

        make_journal(s);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "mine", LOG_LOCAL3 }, NULL,
                                    &(struct log_entry){ .level = LOG_LEVEL_NOTICE }),
                         0);
        receive(s[1], &p);
        assert_field(&p, "SYSLOG_FACILITY", "19");
        assert_field(&p, "SYSLOG_IDENTIFIER", "mine");
        close(s[0]);
        close(s[1]);
}

static const char *const hostile[] = {
        "x\nFPMD_POOL=other",
        "\nMESSAGE_ID=7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b01\n",
        "a\n",
        "\n",
        "x\n\x08\x01\x01\x01\x01\x01\x01\x01PRIORITY=0\n",
        "x\nPRIORITY\n\x01",
        "=\n=",
        "\xff\xfe\n\x01\r\xc2",
        "no newline, yet = and \r and \x1b",
        "",
};

/* Each value in turn in every field that a client or a script can choose. */
static void test_no_value_becomes_a_field(void **state) {
        static const char *const names[] = { "MESSAGE",          "SYSLOG_IDENTIFIER",   "FPMD_POOL", "CODE_FILE",
                                             "FPMD_REQUEST_URI", "FPMD_REQUEST_METHOD", "FPMD_PEER", "FPMD_SCRIPT" };
        int s[2];

        make_journal(s);
        for (size_t i = 0; i < ELEMENTSOF(hostile); i++) {
                const char *h = hostile[i];
                const struct log_entry e = { .level = LOG_LEVEL_ERROR,
                                             .message = h,
                                             .code_file = h,
                                             .method = h,
                                             .uri = h,
                                             .script = h,
                                             .peer = h };
                __attribute__((__cleanup__(parsed_done))) struct parsed p = {};

                assert_int_equal(send_entry(s[0], &(struct log_identity){ h, LOG_DAEMON }, h, &e), 0);
                receive(s[1], &p);
                assert_int_equal(p.n_fields, ELEMENTSOF(names) + 2);
                for (size_t j = 0; j < ELEMENTSOF(names); j++)
                        assert_field(&p, names[j], h);
                assert_field(&p, "PRIORITY", "3");
        }
        close(s[0]);
        close(s[1]);
}

static void test_too_large_for_a_datagram(void **state) {
        enum { N = 9 << 20 };
        __attribute__((__cleanup__(parsed_done))) struct parsed p = {};
        _cleanup_free_ char *message = malloc(N + 1);
        int s[2];

        assert_non_null(message);
        for (size_t i = 0; i < N; i++)
                message[i] = i % 100 ? 'm' : '\n';
        message[N] = '\0';
        make_journal(s);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, "www",
                                    &(struct log_entry){ .level = LOG_LEVEL_ERROR, .message = message }),
                         0);
        assert_true(receive(s[1], &p));
        assert_field(&p, "MESSAGE", message);
        assert_field(&p, "FPMD_POOL", "www");
        close(s[0]);
        close(s[1]);
}

static void test_full_queue_does_not_wait(void **state) {
        const struct log_entry e = { .level = LOG_LEVEL_ERROR, .message = "x" };
        int s[2], r, n = 0;

        make_journal(s);
        alarm(20);
        while ((r = send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL, &e)) == 0)
                n++;
        alarm(0);
        assert_true(n > 0);
        assert_int_equal(r, -EAGAIN);
        for (int i = 0; i < n; i++) {
                __attribute__((__cleanup__(parsed_done))) struct parsed p = {};

                receive(s[1], &p);
        }
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL, &e), 0);
        close(s[1]);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL, &e), -ECONNREFUSED);
        close(s[0]);
}

static void test_who_ends_waits_until_it_is_received(void **state) {
        const struct log_entry e = { .level = LOG_LEVEL_ERROR, .message = "x" };
        usec_t began = time_now();
        int s[2], status;
        pid_t reader;
        char byte;

        make_journal(s);
        log_journal_settle(s[0], 60 * USEC_PER_SEC); /* nothing has been sent */
        assert_true(time_now() - began < 60 * USEC_PER_SEC);
        assert_int_equal(send_entry(s[0], &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL, &e), 0);
        began = time_now();
        log_journal_settle(s[0], 20 * USEC_PER_MSEC);
        assert_true(time_now() - began >= 20 * USEC_PER_MSEC);
        reader = fork();
        if (reader == 0)
                _exit(recv(s[1], &byte, 1, 0) == 1 ? 0 : 1);
        log_journal_settle(s[0], 60 * USEC_PER_SEC);
        assert_int_equal(recv(s[1], &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(waitpid(reader, &status, 0), reader);
        assert_int_equal(status, 0);
        close(s[0]);
        close(s[1]);
        log_journal_settle(-1, 60 * USEC_PER_SEC);
}

static void test_connect(void **state) {
        char dir[] = "/tmp/fpmd-test-XXXXXX", longest[200];
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_fd_ int journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd = -1;
        __attribute__((__cleanup__(parsed_done))) struct parsed p = {};

        assert_non_null(mkdtemp(dir));
        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/socket", dir);
        assert_int_equal(log_journal_connect(sa.sun_path), -ENOENT);
        assert_int_equal(bind(journald, (struct sockaddr *)&sa, sizeof(sa)), 0);
        fd = log_journal_connect(sa.sun_path);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        unlink(sa.sun_path); /* as a chroot does: the name is not needed any more */
        rmdir(dir);
        assert_int_equal(send_entry(fd, &(struct log_identity){ "fpmd", LOG_DAEMON }, NULL,
                                    &(struct log_entry){ .level = LOG_LEVEL_ALERT }),
                         0);
        receive(journald, &p);
        assert_field(&p, "PRIORITY", "1");

        memset(longest, '/', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(log_journal_connect(longest), -ENAMETOOLONG);
}

static void test_stream(void **state) {
        _cleanup_fd_ int fd = fd_new_memfd("test");
        char value[64], other[128];
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        snprintf(value, sizeof(value), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        assert_true(log_journal_is_stream(fd, value));
        assert_false(log_journal_is_stream(-1, value));
        snprintf(other, sizeof(other), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
        assert_false(log_journal_is_stream(fd, other));
        snprintf(other, sizeof(other), "%s ", value);
        assert_false(log_journal_is_stream(fd, other));
        snprintf(other, sizeof(other), "0000000000000000000000000000000%s", value);
        assert_false(log_journal_is_stream(fd, other));
        assert_false(log_journal_is_stream(fd, NULL));
        assert_false(log_journal_is_stream(fd, ""));
        assert_false(log_journal_is_stream(fd, ":"));
        assert_false(log_journal_is_stream(fd, "8"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_what_is_unknown_is_left_out),
                cmocka_unit_test(test_facility_and_identifier_are_the_configurations),
                cmocka_unit_test(test_no_value_becomes_a_field),
                cmocka_unit_test(test_too_large_for_a_datagram),
                cmocka_unit_test(test_full_queue_does_not_wait),
                cmocka_unit_test(test_who_ends_waits_until_it_is_received),
                cmocka_unit_test(test_connect),
                cmocka_unit_test(test_stream),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
