/* SPDX-License-Identifier: MIT */
/* log/out.c where several processes write to one pipe. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/time.h"
#include "log/out.h"

/* Of three processes, with lines that take several writes each, every line is whole. */
static void test_long_lines_of_several_processes_stay_whole(void **state) {
        enum { N = 40, LEN = 20000, PROCESSES = 3 };
        static char got[PROCESSES * N * LEN], line[LEN];
        size_t n = 0;
        pid_t pids[PROCESSES];
        int p[2];

        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        log_out_init(20 * USEC_PER_SEC, 0, NULL);
        for (int i = 0; i < PROCESSES; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0) {
                        struct log_out o = { .fd = p[1] };

                        memset(line, 'a' + i, LEN - 1);
                        line[LEN - 1] = '\n';
                        for (int k = 0; k < N; k++)
                                if (log_out_write(&o, line, i == 0 ? 100 : LEN) != 0)
                                        _exit(1);
                        _exit(0);
                }
        }
        close(p[1]);
        for (ssize_t k; (k = read(p[0], got + n, MIN(sizeof(got) - n, (size_t)3000))) > 0;)
                n += (size_t)k;
        for (int i = 0; i < PROCESSES; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        assert_int_equal(n, (PROCESSES - 1) * N * LEN + N * 100);
        for (size_t i = 0; i < n;) {
                size_t len = got[i] == 'a' ? 100 : LEN;

                for (size_t k = 0; k < len - (len == LEN); k++)
                        assert_int_equal(got[i + k], got[i]);
                i += len;
        }
        close(p[0]);
}

/* Who holds the lock and writes nothing is passed over. */
static void test_lock_that_is_never_left(void **state) {
        struct log_out o = {};
        char byte;
        int p[2], ready[2];
        usec_t began = time_now();
        pid_t pid;

        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        o.fd = p[1];
        log_out_init(20 * USEC_PER_SEC, 0, NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void)fcntl(p[1], F_SETLK, &(struct flock){ .l_type = F_WRLCK });
                (void)!write(ready[1], "x", 1);
                pause();
                _exit(0);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        for (int i = 0; i < 100; i++)
                assert_int_equal(log_out_write(&o, "line\n", 5), 0);
        assert_in_range(time_now() - began, USEC_PER_SEC, 10 * USEC_PER_SEC);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_long_lines_of_several_processes_stay_whole),
                cmocka_unit_test(test_lock_that_is_never_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
