/* SPDX-License-Identifier: MIT */
/* Doorbells, as workers that mean no good leave them: without O_NONBLOCK, full, or empty a moment after they have rung.
 * A limit ends the program where the master would wait. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "log/log.h"
#include "pool/pool.h"

#include "limit.h"
#include "pool/relay.h"

struct scene {
        struct pool_env env;
        struct pool pool;
        unsigned n_relayed;
        timer_t limit;
        int log;
};

static void on_ring(void *userdata) {
        ((struct scene *)userdata)->n_relayed++;
}

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->limit = limit_begin();
        s->log = memfd_create("log", MFD_CLOEXEC);
        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = s->log, .level = LOG_LEVEL_NOTICE });
        assert_int_equal(sd_event_new(&s->env.event), 0);
        s->env.ring = on_ring;
        s->env.userdata = s;
        s->pool = (struct pool){ .env = &s->env, .name = (char *)"www", .doorbell = eventfd(0, EFD_CLOEXEC) };
        assert_true(s->pool.doorbell >= 0);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        sd_event_source_disable_unref(s->pool.doorbell_source);
        sd_event_unref(s->env.event);
        fd_close(s->pool.doorbell);
        fd_close(s->log);
        timer_delete(s->limit);
        free(s);
        return 0;
}

static unsigned n_logged(const struct scene *s, const char *what) {
        char text[4096];
        ssize_t n = pread(s->log, text, sizeof(text) - 1, 0);
        unsigned count = 0;

        assert_true(n >= 0);
        text[n] = '\0';
        for (const char *p = text; (p = strstr(p, what)); p++)
                count++;
        return count;
}

static void ring(struct scene *s) {
        struct nowait n;

        assert_int_equal(nowait_begin(&n), 0);
        relay_ring(&s->pool);
        nowait_end(&n);
}

static void test_bell_that_is_heard_by_somebody_else(void **state) {
        struct scene *s = *state;

        relay_begin(&s->pool, true);
        assert_int_equal(fd_ring(s->pool.doorbell), 0);
        assert_true(sd_event_prepare(s->env.event) > 0 || sd_event_wait(s->env.event, UINT64_MAX) > 0);
        assert_true(fd_hear(s->pool.doorbell)); /* between the wait and the read */
        assert_true(sd_event_dispatch(s->env.event) > 0);
        assert_int_equal(s->n_relayed, 0);

        assert_int_equal(fd_ring(s->pool.doorbell), 0);
        assert_true(sd_event_run(s->env.event, UINT64_MAX) > 0);
        assert_int_equal(s->n_relayed, 1);
        assert_false(fd_hear(s->pool.doorbell));
}

static void test_full_bell(void **state) {
        struct scene *s = *state;
        uint64_t most = UINT64_MAX - 1;

        assert_int_equal(write(s->pool.doorbell, &most, sizeof(most)), sizeof(most));
        for (int i = 0; i < 3; i++) {
                ring(s);
                assert_true(fcntl(s->pool.doorbell, F_GETFL) & O_NONBLOCK);
                assert_int_equal(fd_set_nonblock(s->pool.doorbell, false), 0);
        }
        assert_int_equal(n_logged(s, "[pool www] a process of the pool has cleared O_NONBLOCK"), 1);
        assert_true(fd_hear(s->pool.doorbell));
}

static void test_bell_that_nobody_has_touched(void **state) {
        struct scene *s = *state;

        assert_int_equal(fd_set_nonblock(s->pool.doorbell, true), 0);
        ring(s);
        assert_int_equal(n_logged(s, "pool"), 0);
        assert_true(fd_hear(s->pool.doorbell));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_bell_that_is_heard_by_somebody_else, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full_bell, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bell_that_nobody_has_touched, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
