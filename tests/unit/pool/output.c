/* SPDX-License-Identifier: MIT */
/* What a worker writes, from a pipe that may have been made to block and may have another reader, on kernels with and without RWF_NOWAIT for pipes. A limit ends the
 * program where the master would wait. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "log/log.h"
#include "pool/pool.h"

#include "limit.h"

static struct {
        bool old_kernel;
        int stolen; /* a pipe that is emptied when poll(2) has looked at it; or -1 */
} world;

ssize_t __real_preadv64v2(int fd, const struct iovec *iov, int n, off_t at, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int n, off_t at, int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags);
int __real_poll(struct pollfd *p, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);

ssize_t __wrap_preadv64v2(int fd, const struct iovec *iov, int n, off_t at, int flags) {
        if (!world.old_kernel)
                return __real_preadv64v2(fd, iov, n, at, flags);
        errno = EOPNOTSUPP;
        return -1;
}

ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags) {
        return __wrap_preadv64v2(fd, iov, n, at, flags);
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout) {
        int r = __real_poll(p, n, timeout);
        char buf[4096];

        if (r > 0 && world.stolen >= 0 && p->fd == world.stolen)
                assert_true(read(world.stolen, buf, sizeof(buf)) > 0);
        return r;
}

struct scene {
        struct conf settings;
        struct conf_pool conf;
        struct pool_env env;
        struct pool pool;
        struct generation generation;
        struct pool_output *output;
        int reads[2], writes[2]; /* the worker's stdout and stderr; reads are the output's */
        timer_t limit;
        int log;
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->limit = limit_begin();
        s->log = memfd_create("log", MFD_CLOEXEC);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = s->log, .level = LOG_LEVEL_NOTICE });
        assert_int_equal(sd_event_new(&s->env.event), 0);
        s->settings.global.log_limit = 1024;
        s->conf.decorate_workers_output = true;
        s->pool = (struct pool){ .env = &s->env, .name = (char *)"www" };
        s->generation = (struct generation){ .pool = &s->pool, .conf = &s->conf, .settings = &s->settings };
        for (int i = 0; i < 2; i++) {
                int ends[2];

                assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* they block */
                s->reads[i] = ends[0];
                s->writes[i] = ends[1];
        }
        assert_int_equal(pool_output_new(&s->generation, 4711, s->reads[0], s->reads[1], &s->output), 0);
        world.old_kernel = false;
        world.stolen = -1;
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        pool_output_free(s->output);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        sd_event_unref(s->env.event);
        fd_close(s->writes[0]);
        fd_close(s->writes[1]);
        fd_close(s->log);
        timer_delete(s->limit);
        free(s);
        return 0;
}

static void say(const struct scene *s, int stream, const char *text) {
        assert_int_equal(write(s->writes[stream], text, strlen(text)), strlen(text));
        assert_true(sd_event_run(s->env.event, UINT64_MAX) > 0);
}

static bool is_logged(const struct scene *s, const char *what) {
        char text[4096];
        ssize_t n = pread(s->log, text, sizeof(text) - 1, 0);

        assert_true(n >= 0);
        text[n] = '\0';
        return strstr(text, what);
}

static void check_lines(struct scene *s) {
        say(s, 0, "one\n");
        say(s, 1, "two\n");
        assert_true(is_logged(s, "[pool www] child 4711 said into stdout: \"one\"\n"));
        assert_true(is_logged(s, "[pool www] child 4711 said into stderr: \"two\"\n"));
}

static void test_lines(void **state) {
        check_lines(*state);
}

static void test_lines_on_an_old_kernel(void **state) {
        world.old_kernel = true;
        check_lines(*state);
}

/* The stream goes on afterwards; the first line is the thief's. */
static void test_another_reader_on_an_old_kernel(void **state) {
        struct scene *s = *state;

        world.old_kernel = true;
        world.stolen = s->reads[0];
        say(s, 0, "stolen\n");
        world.stolen = -1;
        assert_false(is_logged(s, "stolen"));
        check_lines(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lines_on_an_old_kernel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_another_reader_on_an_old_kernel, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
