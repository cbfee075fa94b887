/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/time.h"
#include "log/out.h"

#define PATIENCE (200 * USEC_PER_MSEC)

static _Atomic uint64_t lost[_LOG_KIND_MAX];

struct reader {
        int fd;
        size_t n;      /* bytes it takes in all */
        useconds_t of; /* rest between two reads */
};

/* Slow: 4 KiB at a time. */
static void *read_slowly(void *arg) {
        struct reader *r = arg;
        char buf[4096];
        size_t done = 0;

        while (done < r->n) {
                ssize_t k = read(r->fd, buf, sizeof(buf));

                assert_true(k > 0);
                done += (size_t)k;
                usleep(r->of);
        }
        return NULL;
}

static void open_pipe(int p[static 2]) {
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        (void)fcntl(p[1], F_SETPIPE_SZ, 4096);
}

static void open_sockets(int p[static 2]) {
        int size = 4096;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
        assert_int_equal(setsockopt(p[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static void (*const openers[])(int p[static 2]) = { open_pipe, open_sockets };

/* It takes several times as long as the patience, and nothing is lost: each read is progress. */
static void test_slow_reader_loses_nothing(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(openers); i++) {
                static char line[9000];
                struct reader r = { .n = 30 * sizeof(line), .of = (useconds_t)(20 * USEC_PER_MSEC) };
                struct log_out o = { .kind = LOG_KIND_ACCESS };
                usec_t began = time_now();
                pthread_t thread;
                int p[2];

                openers[i](p);
                r.fd = p[0];
                o.fd = p[1];
                memset(line, 'x', sizeof(line));
                log_out_init(PATIENCE, 0, lost);
                assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
                for (int k = 0; k < 30; k++)
                        assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
                assert_int_equal(pthread_join(thread, NULL), 0);
                assert_true(time_now() - began > 2 * PATIENCE);
                assert_int_equal(lost[LOG_KIND_ACCESS], 0);
                close(p[0]);
                close(p[1]);
        }
}

/* The patience is spent once, not at each entry; what the reader takes again is written again. */
static void test_stopped_reader_costs_entries_that_are_counted(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(openers); i++) {
                static char line[1000], buf[100000];
                struct log_out o = { .kind = LOG_KIND_ACCESS };
                uint64_t before = lost[LOG_KIND_ACCESS], written = 0;
                usec_t began;
                int p[2];

                openers[i](p);
                o.fd = p[1];
                log_out_init(PATIENCE, 0, lost);
                while (log_out_write(&o, line, sizeof(line)) == 0)
                        written++;
                assert_int_equal(lost[LOG_KIND_ACCESS], before + 1);
                began = time_now();
                for (int k = 0; k < 1000; k++)
                        assert_int_equal(log_out_write(&o, line, sizeof(line)), -EAGAIN);
                assert_true(time_now() - began < 5 * PATIENCE); /* 1000 times the patience, were it spent each time */
                assert_int_equal(lost[LOG_KIND_ACCESS], before + 1001);
                assert_true(read(p[0], buf, sizeof(buf)) > 0);
                assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
                assert_false(o.stuck);
                assert_true(written > 0);
                close(p[0]);
                close(p[1]);
        }
}

/* A queue whose first entry of 6,000 bytes is out in part. */
static void begin_entry(struct log_out *o, int p[static 2]) {
        static char line[6000];

        open_pipe(p);
        *o = (struct log_out){ .fd = p[1], .kind = LOG_KIND_SLOW, .looked_at = -1 };
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\n';
        log_out_init(0, 100000, lost);
        assert_int_equal(log_out_write(o, line, sizeof(line)), 0);
        assert_non_null(o->first);
}

static size_t take_all(struct log_out *o, int fd) {
        size_t n = 0;
        char buf[4096];
        ssize_t k;

        for (;;) {
                (void)log_out_flush();
                k = fd_set_nonblock(fd, true) < 0 ? -1 : read(fd, buf, sizeof(buf));
                if (k <= 0)
                        return n;
                n += (size_t)k;
        }
}

/* Set up again with the same descriptor it goes on; with another file under that number it begins anew. */
static void test_an_entry_that_has_begun_is_written_once(void **state) {
        struct log_out o;
        int p[2], q[2];

        begin_entry(&o, p);
        log_out_change(&o, o.fd);
        assert_int_equal(take_all(&o, p[0]), 6000);
        close(p[0]);
        close(p[1]);

        begin_entry(&o, p);
        open_pipe(q);
        assert_true(dup2(q[1], p[1]) >= 0);
        log_out_renew(&o);
        assert_int_equal(take_all(&o, q[0]), 6000);
        close(p[0]);
        close(p[1]);
        close(q[0]);
        close(q[1]);
}

/* One that has stopped does not use up the patience with another. */
static void test_each_receiver_has_the_patience_of_its_own(void **state) {
        struct reader r = { .n = 6000, .of = (useconds_t)(20 * USEC_PER_MSEC) };
        uint64_t before = lost[LOG_KIND_SLOW];
        struct log_out stopped, slow;
        int p[2], q[2];
        pthread_t thread;

        begin_entry(&slow, q);
        begin_entry(&stopped, p); /* the first of the list */
        r.fd = q[0];
        assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
        log_out_finish(PATIENCE, 10 * PATIENCE);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(lost[LOG_KIND_SLOW], before + 1);
        assert_false(log_out_is_waiting());
        close(p[0]);
        close(p[1]);
        close(q[0]);
        close(q[1]);
}

static void test_nobody_waits_without_patience(void **state) {
        static char line[1000];
        struct log_out o = {};
        int p[2];

        open_pipe(p);
        o.fd = p[1];
        log_out_init(0, 0, NULL);
        alarm(20);
        while (log_out_write(&o, line, sizeof(line)) == 0)
                ;
        alarm(0);
        close(p[0]);
        assert_int_equal(log_out_write(&o, line, sizeof(line)), -EAGAIN);
        close(p[1]);
}

/* A queue keeps entries whole and in order, up to its bound. */
static void test_queue(void **state) {
        enum { N = 200, LEN = 100 };
        struct log_out o = { .kind = LOG_KIND_SLOW };
        char line[LEN], buf[N * LEN];
        uint64_t before = lost[LOG_KIND_SLOW];
        size_t n = 0;
        int p[2];

        open_pipe(p);
        o.fd = p[1];
        log_out_init(0, 10000, lost);
        alarm(20);
        for (int i = 0; i < N; i++) {
                memset(line, i, sizeof(line));
                (void)log_out_write(&o, line, sizeof(line));
        }
        assert_true(log_out_is_waiting());
        assert_true(log_out_flush());
        assert_in_range(lost[LOG_KIND_SLOW], before + 1, before + N - 100);
        while (log_out_is_waiting()) {
                n += (size_t)read(p[0], buf + n, sizeof(buf) - n);
                log_out_flush();
        }
        assert_int_equal(fd_set_nonblock(p[0], true), 0);
        for (ssize_t k; (k = read(p[0], buf + n, sizeof(buf) - n)) > 0;)
                n += (size_t)k;
        alarm(0);
        assert_int_equal(n / LEN + lost[LOG_KIND_SLOW] - before, N);
        for (size_t i = 0; i < n; i++)
                assert_int_equal((unsigned char)buf[i], i / LEN);
        close(p[0]);
        close(p[1]);
}

/* What waits follows to another file, and is counted when there is none. */
static void test_queue_changes_its_receiver(void **state) {
        struct log_out o = { .kind = LOG_KIND_ERROR };
        uint64_t before = log_out_lost();
        char line[5000] = "", buf[20000];
        int p[2], q[2];

        open_pipe(p);
        open_pipe(q);
        o.fd = p[1];
        log_out_init(0, 20000, NULL);
        assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
        assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
        log_out_change(&o, q[1]);
        while (log_out_flush())
                assert_true(read(q[0], buf, sizeof(buf)) > 0);
        assert_int_equal(log_out_lost(), before);
        log_out_change(&o, p[1]);
        assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
        log_out_change(&o, -1);
        assert_int_equal(log_out_lost(), before + 1);
        assert_false(log_out_is_waiting());
        log_out_change(&o, p[1]);
        assert_int_equal(log_out_write(&o, line, sizeof(line)), 0);
        log_out_finish(PATIENCE, PATIENCE);
        assert_int_equal(log_out_lost(), before + 2);
        assert_false(log_out_is_waiting());
}

/* Who has a queue keeps in it what a FIFO has no reader for, till the next one is there; in the end nobody waits for
 * one. Who has none has lost it at once. */
static void test_fifo_between_two_readers(void **state) {
        char path[] = "/tmp/fpmd-out-XXXXXX", buf[20];
        struct log_out o = { .kind = LOG_KIND_ERROR };
        uint64_t before = log_out_lost();
        usec_t began;
        int reader;

        (void)signal(SIGPIPE, SIG_IGN);
        close(mkstemp(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        o.fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        close(reader);

        log_out_init(0, 1000, NULL);
        assert_int_equal(log_out_write(&o, "one\n", 4), 0);
        assert_int_equal(log_out_write(&o, "two\n", 4), 0);
        assert_true(log_out_flush());
        reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_false(log_out_flush());
        assert_int_equal(read(reader, buf, sizeof(buf)), 8);
        assert_memory_equal(buf, "one\ntwo\n", 8);
        close(reader);
        assert_int_equal(log_out_lost(), before);

        assert_int_equal(log_out_write(&o, "three\n", 6), 0);
        began = time_now();
        log_out_finish(20 * USEC_PER_SEC, 20 * USEC_PER_SEC);
        assert_true(time_now() - began < 10 * USEC_PER_SEC);
        assert_int_equal(log_out_lost(), before + 1);

        log_out_init(20 * USEC_PER_SEC, 0, NULL);
        assert_int_equal(log_out_write(&o, "four\n", 5), -EAGAIN);
        assert_true(time_now() - began < 10 * USEC_PER_SEC);
        assert_int_equal(log_out_lost(), before + 2);
        close(o.fd);
        assert_int_equal(unlink(path), 0);
}

/* The journal's queue is one of datagrams, and short. */
static void *read_datagrams(void *arg) {
        struct reader *r = arg;
        char buf[200];

        for (size_t i = 0; i < r->n; i++) {
                assert_int_equal(read(r->fd, buf, sizeof(buf)), 5);
                usleep(r->of);
        }
        return NULL;
}

static void test_journal_is_waited_for(void **state) {
        struct log_out o = { .kind = LOG_KIND_ERROR, .journal = true };
        struct reader r = { .n = 500, .of = 2000 };
        uint64_t before = lost[LOG_KIND_ERROR];
        pthread_t thread;
        int p[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p), 0);
        r.fd = p[0];
        o.fd = p[1];
        log_out_init(PATIENCE, 0, lost);
        assert_int_equal(pthread_create(&thread, NULL, read_datagrams, &r), 0);
        for (int i = 0; i < 500; i++)
                assert_int_equal(log_out_write(&o, "A=bc\n", 5), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(lost[LOG_KIND_ERROR], before);
        while (log_out_write(&o, "A=bc\n", 5) == 0)
                ;
        assert_int_equal(lost[LOG_KIND_ERROR], before + 1);
        close(p[0]);
        close(p[1]);
}

static int setup(void **state) {
        return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slow_reader_loses_nothing),
                cmocka_unit_test(test_stopped_reader_costs_entries_that_are_counted),
                cmocka_unit_test(test_nobody_waits_without_patience),
                cmocka_unit_test(test_an_entry_that_has_begun_is_written_once),
                cmocka_unit_test(test_each_receiver_has_the_patience_of_its_own),
                cmocka_unit_test(test_queue),
                cmocka_unit_test(test_queue_changes_its_receiver),
                cmocka_unit_test(test_fifo_between_two_readers),
                cmocka_unit_test(test_journal_is_waited_for),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
