/* SPDX-License-Identifier: MIT */
/* base/process.h: children that live, have ended, or are somebody else's business. */

#include "base/process.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/time.h"

/* A child that waits for the end of a pipe, whose write end is in *ret_go, and exits with that code. */
static pid_t child_new(int code, int *ret_go, int *ret_pidfd) {
        int ends[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(ends[1]);
                (void)!read(ends[0], &c, 1);
                _exit(code);
        }
        close(ends[0]);
        *ret_go = ends[1];
        *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        assert_true(*ret_pidfd >= 0);
        return pid;
}

static void wait_ended(int pidfd) {
        siginfo_t info;

        assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT), 0);
}

static void test_a_child_that_exits(void **state) {
        int go, pidfd, status = 0;
        pid_t pid = child_new(7, &go, &pidfd);

        assert_int_equal(process_of_pidfd(pidfd), pid);
        assert_int_equal(process_parent(pid), getpid());
        assert_int_equal(process_reap(pidfd, &status), PROCESS_E_ALIVE);
        close(go);
        wait_ended(pidfd);
        assert_false(process_is_reaped(pidfd)); /* a zombie */
        assert_int_equal(process_of_pidfd(pidfd), pid);
        assert_int_equal(process_reap(pidfd, &status), 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        assert_true(process_is_reaped(pidfd));
        assert_int_equal(process_reap(pidfd, &status), PROCESS_E_GONE);
        fd_close(pidfd);
}

static void test_a_child_that_is_killed(void **state) {
        int go, pidfd, status = 0;

        child_new(0, &go, &pidfd);
        assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), 0);
        wait_ended(pidfd);
        assert_int_equal(process_reap(pidfd, &status), 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(go);
        fd_close(pidfd);
}

static void test_a_child_that_somebody_else_has_waited_for(void **state) {
        int go, pidfd, status = 0;
        pid_t pid = child_new(0, &go, &pidfd);

        close(go);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(process_reap(pidfd, &status), PROCESS_E_GONE);
        assert_true(process_is_reaped(pidfd));
        fd_close(pidfd);
}

static void test_what_is_no_child(void **state) {
        int status = 0, pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);

        if (pidfd < 0)
                return; /* no parent in this pid namespace */
        assert_int_equal(process_reap(pidfd, &status), PROCESS_E_GONE);
        assert_false(process_is_reaped(pidfd));
        fd_close(pidfd);
}

static void test_who_lives_since(void **state) {
        uint64_t before = time_read_nsec(CLOCK_BOOTTIME), now;
        int go, pidfd, status;
        pid_t pid;

        poll(NULL, 0, 20); /* more than a tick of the kernel's clock, which starts are told in */
        pid = child_new(0, &go, &pidfd);
        now = time_read_nsec(CLOCK_BOOTTIME);
        assert_true(process_lives_since(pid, now));
        assert_true(process_lives_since(getpid(), now));
        assert_false(process_lives_since(pid, before)); /* whoever had the pid then was somebody else */
        close(go);
        wait_ended(pidfd);
        assert_false(process_lives_since(pid, now)); /* a zombie */
        assert_int_equal(process_reap(pidfd, &status), 0);
        assert_false(process_lives_since(pid, now));
        fd_close(pidfd);
}

static void test_wait_statuses_in_words(void **state) {
        static const struct {
                int status;
                const char *text;
        } exits[] = {
                { 0, "exited with code 0" },
                { 255 << 8, "exited with code 255" },
                { SIGKILL, "exited on signal 9 (SIGKILL)" },
                { SIGSEGV | 0x80, "exited on signal 11 (SIGSEGV - core dumped)" },
                { 64, "exited on signal 64 (SIG?)" },
        };
        char buf[PROCESS_EXIT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(exits); i++)
                assert_string_equal(process_describe_exit(exits[i].status, buf), exits[i].text);
}

static void test_files_are_raised_as_far_as_they_go(void **state) {
        struct rlimit before, now;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        now = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
        assert_int_equal(process_raise_files(32, NULL), 64);
        assert_int_equal(process_raise_files(80, &now), 80);
        assert_int_equal(now.rlim_cur, 64);
        assert_int_equal(process_raise_files(RLIM_INFINITY, NULL), before.rlim_max);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
        assert_int_equal(now.rlim_cur, before.rlim_max);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_child_that_exits),
                cmocka_unit_test(test_a_child_that_is_killed),
                cmocka_unit_test(test_a_child_that_somebody_else_has_waited_for),
                cmocka_unit_test(test_what_is_no_child),
                cmocka_unit_test(test_who_lives_since),
                cmocka_unit_test(test_wait_statuses_in_words),
                cmocka_unit_test(test_files_are_raised_as_far_as_they_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
