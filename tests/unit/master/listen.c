/* SPDX-License-Identifier: MIT */
/* master/listen.h and master/listenset.h: sockets that fpmd binds itself. */

#include "master/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/macros.h"
#include "listeners.h"
#include "log/log.h"
#include "master/inherited.h"
#include "place.h"

static struct conf_pool pool_at(const char *listen) {
        return (struct conf_pool){ .name = (char *)"www",
                                   .listen = (char *)listen,
                                   .listen_backlog = -1,
                                   .listen_shards = 1,
                                   .listen_mode = 0660,
                                   .listen_where = { .file = "x.conf", .line = 7 } };
}

static int open_at(const char *listen, struct listen_set **ret, struct text *problems) {
        const struct conf_pool pool = pool_at(listen);
        struct inherited none = {};

        return listen_open(&none, &pool, ret, problems);
}

static void assert_ready(int fd) {
        int listens = 0;
        socklen_t n = sizeof(listens);

        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n), 0);
        assert_int_equal(listens, 1);
}

static void a_tcp_address_is_bound(void **state) {
        _cleanup_(listen_set_freep) struct listen_set *s = NULL;
        _cleanup_text_ struct text problems = {};
        char text[32], **names;

        listeners_free_address(text);
        assert_int_equal(open_at(text, &s, &problems), 0);
        assert_int_equal(s->n, 1);
        assert_false(s->inherited);
        assert_ready(s->fds[0]);
        names = listen_set_names(s);
        assert_string_equal(names[0], text);
        assert_null(names[1]);
        listen_set_free_names(names);
}

/* The lines that php-fpm has, with the place of the directive. */
static void an_address_in_use_is_told(void **state) {
        _cleanup_text_ struct text problems = {}, expected = {};
        struct listen_set *s = NULL;
        char text[32];
        int fd = listeners_tcp(true, text);

        assert_int_equal(open_at(text, &s, &problems), LISTEN_E_PROBLEM);
        assert_null(s);
        text_printf(&expected, "unable to bind listening socket for address '%s': Address already in use (98)\n", text);
        assert_int_equal(strncmp(text_peek(&problems), text_peek(&expected), expected.n), 0);
        assert_non_null(strstr(text_peek(&problems), "[x.conf:7] directive 'listen': cannot listen on"));
        fd_close(fd);
}

static void a_unix_socket_has_its_mode_and_goes_with_its_set(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct listen_set *s = NULL;
        struct stat st;

        assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), 0);
        assert_ready(s->fds[0]);
        assert_int_equal(stat(place_name(p, "sock"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);
        listen_set_free(s);
        assert_int_equal(access(place_name(p, "sock"), F_OK), -1);
}

/* Another socket has the name by now: it is not ours to take away. */
static void a_path_that_has_another_file_stays(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct listen_set *s = NULL;
        int fd;

        assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), 0);
        assert_int_equal(unlink(place_name(p, "sock")), 0);
        fd = listeners_unix(place_name(p, "sock"), true);
        listen_set_free(s);
        assert_true(listeners_serve(place_name(p, "sock")));
        fd_close(fd);
}

static void a_file_that_is_no_socket_stays(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct listen_set *s = NULL;

        place_write(p, "sock", "precious");
        assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), LISTEN_E_PROBLEM);
        assert_true(place_has(p, "sock", "precious"));
        assert_non_null(strstr(text_peek(&problems), ": Address already in use (98)\n"));
        assert_non_null(strstr(text_peek(&problems), "a file that is no socket has that name"));
}

static void a_socket_that_is_served_stays(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct listen_set *s = NULL;
        int fd = listeners_unix(place_name(p, "sock"), true);

        assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), LISTEN_E_PROBLEM);
        assert_non_null(strstr(text_peek(&problems), "Another FPM instance seems to already listen on"));
        assert_true(listeners_serve(place_name(p, "sock")));
        fd_close(fd);
}

static void a_socket_that_is_left_is_replaced(void **state) {
        _cleanup_text_ struct text problems = {};
        struct place *p = *state;
        struct listen_set *s = NULL;

        fd_close(listeners_unix(place_name(p, "sock"), true));
        assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), 0);
        assert_true(listeners_serve(place_name(p, "sock")));
        listen_set_free(s);
}

/* A reload in which a pool takes another one's address. */
static void a_shared_set_takes_the_path_when_it_is_committed(void **state) {
        for (int commits = 0; commits < 2; commits++) {
                _cleanup_text_ struct text problems = {};
                struct listen_set *s = NULL, *next = NULL;
                struct place *p = *state;
                struct conf_pool heir = pool_at(place_name(p, "sock"));

                assert_int_equal(open_at(place_name(p, "sock"), &s, &problems), 0);
                assert_int_equal(listen_set_share(s, &heir, &next), 0);
                assert_int_equal(next->n, 1);
                assert_int_not_equal(next->fds[0], s->fds[0]);
                if (commits) {
                        listen_set_commit(next);
                        listen_set_free(s);
                        assert_true(listeners_serve(place_name(p, "sock")));
                        listen_set_free(next);
                } else {
                        listen_set_free(next);
                        assert_true(listeners_serve(place_name(p, "sock")));
                        listen_set_free(s);
                }
                assert_int_equal(access(place_name(p, "sock"), F_OK), -1);
        }
}

static void the_service_managers_sockets_are_missed(void **state) {
        _cleanup_text_ struct text problems = {};
        struct listen_set *s = NULL;

        assert_int_equal(open_at("systemd", &s, &problems), LISTEN_E_PROBLEM);
        assert_string_equal(text_peek(&problems),
                            "[x.conf:7] directive 'listen': the pool 'www' (listen = systemd) has "
                            "no socket; the service manager passed: nothing\n");
}

static void shards_are_one_address(void **state) {
        _cleanup_(listen_set_freep) struct listen_set *s = NULL;
        _cleanup_text_ struct text problems = {};
        struct inherited none = {};
        struct conf_pool pool;
        char text[32];

        listeners_free_address(text);
        pool = pool_at(text);
        pool.listen_shards = 3;
        assert_int_equal(listen_open(&none, &pool, &s, &problems), 0);
        assert_int_equal(s->n, 3);
        assert_int_equal(s->n_active, 3);
        for (size_t i = 0; i < s->n; i++) {
                struct addr a, b;

                assert_ready(s->fds[i]);
                assert_int_equal(addr_of_socket(s->fds[i], &a), 0);
                assert_int_equal(addr_parse(text, &b), 0);
                assert_true(addr_equal(&a, &b));
        }
        pool.listen_shards = 2; /* a reload: the third stays open for what waits in it */
        listen_commit_shards(s, &pool);
        assert_int_equal(s->n, 3);
        assert_int_equal(s->n_active, 2);
        pool.listen_shards = 5;
        assert_int_equal(listen_add_shards(s, &pool, &problems), 0);
        assert_int_equal(s->n, 5);
        assert_int_equal(s->n_active, 2); /* until workers watch them */
        listen_commit_shards(s, &pool);
        assert_int_equal(s->n_active, 5);
}

static void the_pages_set_has_a_name_and_one_socket(void **state) {
        _cleanup_(listen_set_freep) struct listen_set *s = NULL;
        _cleanup_text_ struct text problems = {};
        struct inherited none = {};
        struct conf_pool pool = pool_at("/unused");
        char text[32];

        listeners_free_address(text);
        pool.listen_shards = 4;
        pool.status_listen = text;
        assert_int_equal(listen_open_status(&none, &pool, &s, &problems), 0);
        assert_string_equal(s->pool, "www-status");
        assert_string_equal(s->listen, text);
        assert_int_equal(s->n, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_new, place_done)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_tcp_address_is_bound),
                TEST(an_address_in_use_is_told),
                TEST(a_unix_socket_has_its_mode_and_goes_with_its_set),
                TEST(a_path_that_has_another_file_stays),
                TEST(a_file_that_is_no_socket_stays),
                TEST(a_socket_that_is_served_stays),
                TEST(a_socket_that_is_left_is_replaced),
                TEST(a_shared_set_takes_the_path_when_it_is_committed),
                TEST(the_service_managers_sockets_are_missed),
                TEST(shards_are_one_address),
                TEST(the_pages_set_has_a_name_and_one_socket),
        };

        log_init(&(struct log_setup){ .journal_fd = -1, .file_fd = -1, .level = LOG_LEVEL_NOTICE });
        return cmocka_run_group_tests(tests, NULL, NULL);
}
