/* SPDX-License-Identifier: MIT */
/* untrusted/process.h, with this program as master and as zygote. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "untrusted/process.h"

struct child {
        pid_t pid;
        int pidfd;
};

static struct child spawn(unsigned flags) {
        struct child c = { .pid = fork() };

        if (c.pid == 0)
                for (prctl(PR_SET_PDEATHSIG, SIGKILL);;)
                        pause();
        c.pidfd = (int)syscall(SYS_pidfd_open, c.pid, flags);
        return c;
}

static void end(struct child *c) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
}

static bool owns(pid_t pid, void *userdata) {
        return userdata && pid == *(pid_t *)userdata;
}

static void test_own_child(void **state) {
        struct child c = spawn(0);
        struct untrusted_family mine = { getpid(), owns, NULL }, taken = { getpid(), owns, &c.pid };
        struct untrusted_family others = { 1, owns, NULL }, itself = { c.pid, owns, NULL };

        assert_int_equal(untrusted_process_check(&mine, c.pid, c.pidfd), 0);
        assert_int_equal(untrusted_process_check(&mine, c.pid + 1, c.pidfd), -EBADMSG);
        assert_int_equal(untrusted_process_check(&taken, c.pid, c.pidfd), -EBADMSG);
        assert_int_equal(untrusted_process_check(&others, c.pid, c.pidfd), -EBADMSG);
        assert_int_equal(untrusted_process_check(&itself, c.pid, c.pidfd), -EBADMSG);
        end(&c);
        assert_int_equal(untrusted_process_check(&mine, c.pid, c.pidfd), UNTRUSTED_PROCESS_E_REAPED);
        fd_close(c.pidfd);
}

/* An orphan of the family: the child of this process, in the process group that its zygote had. */
static void test_orphan(void **state) {
        struct child c = spawn(0);
        struct untrusted_family dead = { c.pid + 1, owns, NULL }, other = { c.pid + 2, owns, NULL };

        assert_int_equal(untrusted_process_check(&dead, c.pid, c.pidfd), -EBADMSG);
        dead.zygote = getpgid(0);
        if (dead.zygote != getpid()) /* whoever has started this program leads the group */
                assert_int_equal(untrusted_process_check(&dead, c.pid, c.pidfd), 0);
        assert_int_equal(untrusted_process_check(&other, c.pid, c.pidfd), -EBADMSG);
        end(&c);
        fd_close(c.pidfd);
}

static void test_what_is_no_pidfd(void **state) {
        struct untrusted_family mine = { getpid(), owns, NULL };
        _cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_int_equal(untrusted_process_check(&mine, 1, null), -EBADMSG);
        assert_true(untrusted_process_check(&mine, 1, -1) < 0);
}

/* Linux has these from 6.9 on: where they cannot be made, nobody can send them. */
static void test_pidfd_of_a_thread(void **state) {
        struct child c = spawn(O_EXCL);
        struct untrusted_family mine = { getpid(), owns, NULL };

        assert_true(untrusted_process_check(&mine, c.pid, c.pidfd) < 0);
        end(&c);
        fd_close(c.pidfd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_own_child),
                cmocka_unit_test(test_orphan),
                cmocka_unit_test(test_what_is_no_pidfd),
                cmocka_unit_test(test_pidfd_of_a_thread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
