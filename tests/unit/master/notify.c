/* SPDX-License-Identifier: MIT */
/* master/notify.h: what arrives at NOTIFY_SOCKET. */

#include "master/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/program.h"
#include "manager.h"

#define TEXT_MAX 512

struct scene {
        int manager; /* its end */
        struct conf conf;
        struct pool_env env;
        struct master_pool entries[2];
        struct master_pool *list[2];
        struct master m;
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->manager = manager_open();
        s->env.wakes = &s->m.wakes;
        s->env.patience = USEC_INFINITY;
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(pool_new(&s->env, i == 0 ? "www" : "api", &s->entries[i].pool), 0);
                s->list[i] = &s->entries[i];
        }
        s->conf.global.systemd_interval = 10 * USEC_PER_SEC;
        s->m = (struct master){ .state = STATE_RUNNING, .conf = &s->conf, .pools = s->list };
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        fd_close(s->manager);
        for (size_t i = 0; i < 2; i++)
                pool_free(s->entries[i].pool);
        free(s->m.notify.status);
        free(s);
        return 0;
}

/* The next datagram; "" when there is none. It is there as soon as the sender has returned. */
static const char *heard(const struct scene *s) {
        static char text[TEXT_MAX];
        ssize_t n = recv(s->manager, text, sizeof(text) - 1, MSG_DONTWAIT);

        text[n < 0 ? 0 : n] = '\0';
        return text;
}

static void each_state_has_its_line(void **state) {
        static const struct {
                enum state state;
                const char *line;
        } rows[] = {
                { STATE_STARTING, "STATUS=Starting workers" },
                { STATE_RUNNING, "STATUS=0/0 workers busy, 0 requests, 0.0 requests/s" },
                { STATE_RELOADING, "STATUS=Reloading; 0/0 workers busy, 0 requests, 0.0 requests/s" },
                { STATE_STOPPING, "STATUS=Stopping: 0 workers finish their requests" },
        };
        struct scene *s = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                s->m.state = rows[i].state;
                notify_status(&s->m, 1);
                assert_string_equal(heard(s), rows[i].line);
        }
}

static void under_php_fpms_name_the_line_is_its(void **state) {
        struct scene *s = *state;

        program_init("php-fpm8.2");
        notify_status(&s->m, 1);
        program_init("fpmd");
        assert_string_equal(heard(s),
                            "STATUS=Processes active: 0, idle: 0, Requests: 0, slow: 0, Traffic: 0.00req/sec");
}

static void a_reload_in_batches_tells_how_far_it_is(void **state) {
        struct scene *s = *state;

        s->m.n_pools = s->m.reload.n_batched = 2;
        s->entries[0].batched = s->entries[1].batched = true;
        s->entries[0].pool->renewal.state = RENEWAL_TRIED;
        s->entries[1].pool->renewal.state = RENEWAL_IN_TRIAL;
        s->m.state = STATE_RELOADING;
        notify_status(&s->m, 1);
        assert_string_equal(heard(s),
                            "STATUS=Reloading: PHP has started for 1 of 2 pools; 0/0 workers busy, 0 requests, "
                            "0.0 requests/s");
        s->entries[0].pool->renewal.state = RENEWAL_NONE;
        s->entries[1].pool->renewal.state = RENEWAL_HOLDS;
        s->m.state = STATE_RENEWING;
        notify_status(&s->m, 2);
        assert_string_equal(heard(s),
                            "STATUS=Reloading: 1 of 2 pools renewed; 0/0 workers busy, 0 requests, 0.0 requests/s");
        s->m.n_pools = 0;
}

static void a_line_is_told_once(void **state) {
        struct scene *s = *state;

        notify_status(&s->m, 1);
        assert_string_not_equal(heard(s), "");
        notify_status(&s->m, 2);
        assert_string_equal(heard(s), "");
}

/* systemd takes a newline for the end of the assignment: the first line of a reason is told. */
static void a_refused_reload_is_told_by_its_first_line(void **state) {
        struct scene *s = *state;

        s->m.reload.outcome = IPC_CONTROL_OUTCOME_REFUSED;
        s->m.reload.text = (char *)"[x.conf:3] wrong\nREADY=1\n";
        notify_status(&s->m, 1);
        assert_string_equal(heard(s), "STATUS=0/0 workers busy, 0 requests, 0.0 requests/s; last reload refused: "
                                      "[x.conf:3] wrong");
        s->m.reload.outcome = IPC_CONTROL_OUTCOME_DONE;
        notify_status(&s->m, 2);
        assert_string_equal(heard(s), "STATUS=0/0 workers busy, 0 requests, 0.0 requests/s");
}

static void pools_that_do_not_start_are_told(void **state) {
        struct scene *s = *state;

        s->m.n_pools = 2;
        s->entries[1].pool->starts.n_failed = 3;
        s->entries[1].pool->starts.problem = strdup("no such extension\nmore");
        notify_status(&s->m, 1);
        assert_non_null(strstr(heard(s), "; pool 'api' does not start: no such extension"));
        s->entries[0].pool->starts.n_failed = 1;
        notify_status(&s->m, 2);
        assert_non_null(strstr(heard(s), "; 2 pools do not start, among them 'www': "));
        s->m.n_pools = 0;
}

/* It makes the sum too great, not small, and takes nothing from the others' rate. */
static void a_pool_that_lies_is_one_of_many(void **state) {
        struct scene *s = *state;
        struct scoreboard *boards[2];

        s->m.n_pools = 2;
        for (size_t i = 0; i < 2; i++) {
                boards[i] = s->entries[i].pool->scoreboard;
                boards[i]->header.n_used = s->entries[i].pool->n_used = 1;
                boards[i]->slots[0].requests = 10;
        }
        notify_status(&s->m, USEC_PER_SEC);
        assert_non_null(strstr(heard(s), " 20 requests, 0.0 requests/s"));
        boards[0]->slots[0].requests = 3;
        boards[1]->slots[0].requests = 15;
        notify_status(&s->m, 2 * USEC_PER_SEC);
        assert_non_null(strstr(heard(s), " 18 requests, 5.0 requests/s"));
        boards[0]->slots[0].requests = UINT64_MAX;
        notify_status(&s->m, 3 * USEC_PER_SEC);
        assert_non_null(strstr(heard(s), " 18446744073709551615 requests, "));
        s->m.n_pools = 0;
}

/* The state comes before the status line, and a reload's with its time. */
static void states_are_told_before_the_line(void **state) {
        struct scene *s = *state;

        notify_ready(&s->m);
        assert_string_equal(heard(s), "READY=1");
        assert_non_null(strstr(heard(s), "STATUS=0/0"));
        s->m.state = STATE_RELOADING;
        notify_reloading(&s->m);
        assert_int_equal(strncmp(heard(s), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
        assert_non_null(strstr(heard(s), "STATUS=Reloading"));
        s->m.state = STATE_STOPPING;
        notify_stopping(&s->m);
        assert_string_equal(heard(s), "STOPPING=1");
        assert_non_null(strstr(heard(s), "STATUS=Stopping"));
        assert_string_equal(heard(s), ""); /* nothing drains, so no more time is asked for */
}

/* systemd 252 takes the last word for what holds: a service that is ready again is not stopping any more. */
static void a_reload_that_ends_during_a_stop_is_not_told(void **state) {
        struct scene *s = *state;

        notify_draining(&s->m, USEC_PER_SEC);
        assert_int_equal(strncmp(heard(s), "STOPPING=1\nEXTEND_TIMEOUT_USEC=", 31), 0);
        assert_non_null(strstr(heard(s), "STATUS=0/0"));
        notify_ready(&s->m);
        assert_string_equal(heard(s), "");
        s->m.state = STATE_RELOADING;
        notify_reloading(&s->m);
        assert_non_null(strstr(heard(s), "STATUS=Reloading"));
        assert_string_equal(heard(s), "");
}

/* A tick half a second early counts. */
static void the_line_keeps_its_interval(void **state) {
        struct scene *s = *state;
        usec_t now = 100 * USEC_PER_SEC;

        s->m.notify.supervised = true;
        notify_tick(&s->m, now);
        assert_string_not_equal(heard(s), "");
        s->m.state = STATE_RELOADING; /* another line by now */
        notify_tick(&s->m, now + 9 * USEC_PER_SEC);
        assert_string_equal(heard(s), "");
        notify_tick(&s->m, now + 10 * USEC_PER_SEC - USEC_PER_SEC / 2);
        assert_string_not_equal(heard(s), "");
        s->m.state = STATE_RUNNING;
        s->conf.global.systemd_interval = 0; /* none */
        notify_tick(&s->m, now + 1000 * USEC_PER_SEC);
        assert_string_equal(heard(s), "");
}

static void nobody_is_told_without_a_manager(void **state) {
        struct scene *s = *state;

        notify_tick(&s->m, 100 * USEC_PER_SEC);
        assert_string_equal(heard(s), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(each_state_has_its_line),
                TEST(under_php_fpms_name_the_line_is_its),
                TEST(a_reload_in_batches_tells_how_far_it_is),
                TEST(a_line_is_told_once),
                TEST(a_refused_reload_is_told_by_its_first_line),
                TEST(pools_that_do_not_start_are_told),
                TEST(a_pool_that_lies_is_one_of_many),
                TEST(states_are_told_before_the_line),
                TEST(a_reload_that_ends_during_a_stop_is_not_told),
                TEST(the_line_keeps_its_interval),
                TEST(nobody_is_told_without_a_manager),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
