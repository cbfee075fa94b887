/* SPDX-License-Identifier: MIT */
/* master/store.h: names, and what arrives at NOTIFY_SOCKET. */

#include "master/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "manager.h"

#define N_FDS 4

/* The manager's end, and some descriptors to be kept. */
struct scene {
        int manager;
        int fds[N_FDS];
        struct store store;
};

static int set_up(void **state) {
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->manager = manager_open();
        for (size_t i = 0; i < N_FDS; i++) {
                s->fds[i] = fd_new_memfd("test");
                assert_true(s->fds[i] >= 0);
        }
        s->store.room = 10;
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        struct scene *s = *state;

        store_list_done(&s->store.holds);
        for (size_t i = 0; i < N_FDS; i++)
                fd_close(s->fds[i]);
        fd_close(s->manager);
        free(s);
        return 0;
}

/* wanted: a name for each of the descriptors; NULL: not wanted. */
static void set(struct scene *s, const char *const wanted[N_FDS]) {
        struct store_list list = {};

        for (size_t i = 0; i < N_FDS; i++) {
                struct stat st;

                assert_int_equal(fstat(s->fds[i], &st), 0);
                if (wanted[i])
                        assert_int_equal(store_list_add(&list, strdup(wanted[i]),
                                                        &(struct store_item){ NULL, st.st_dev, st.st_ino, s->fds[i] }),
                                         0);
        }
        store_set(&s->store, &list);
}

/* Appends the next message as "+NAME:INDEX " or "-NAME ". False: there is none. */
static bool hear(struct scene *s, struct text *said) {
        char buf[512] = {};
        union {
                char data[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {};
        struct iovec iov = { buf, sizeof(buf) - 1 };
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.data, .msg_controllen = sizeof(control.data)
        };
        const struct cmsghdr *c;
        int fd;

        if (recvmsg(s->manager, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
                return false;
        if (text_has_prefix(buf, "FDSTOREREMOVE=1\nFDNAME=")) {
                text_printf(said, "-%s ", strchr(buf, '\n') + strlen("\nFDNAME="));
                return true;
        }
        assert_true(text_has_prefix(buf, "FDSTORE=1\nFDNAME="));
        c = CMSG_FIRSTHDR(&msg);
        assert_true(c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)));
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        for (int i = 0; i < N_FDS; i++)
                if (fd_is_same_file(fd, s->fds[i]))
                        text_printf(said, "+%s:%d ", strchr(buf, '\n') + strlen("\nFDNAME="), i);
        fd_close(fd);
        return true;
}

static void test_the_manager_hears_of_differences_alone(void **state) {
        static const struct {
                const char *says;
                const char *before[N_FDS], *wanted[N_FDS];
                const char *said;
        } rows[] = {
                { "nothing", {}, {}, "" },
                { "all are new", {}, { "b", "a", "a" }, "+a:1 +a:2 +b:0 " },
                { "nothing has changed", { "b", "a", "a" }, { "b", "a", "a" }, "" },
                { "one goes", { "a", "b" }, { "a" }, "-b " },
                { "all go", { "a", "b" }, {}, "-a -b " },
                { "one comes to a name", { "a" }, { "a", "a" }, "+a:1 " },
                { "one of a name goes: the rest is put in again", { "a", "a", "b" }, { NULL, "a", "b" }, "-a +a:1 " },
                { "another one has the name", { "a" }, { NULL, "a" }, "-a +a:1 " },
                { "it has another name", { "a" }, { "b" }, "-a +b:0 " },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_text_ struct text said = {}, before = {};

                set(*state, (const char *const[N_FDS]){});
                set(*state, rows[i].before);
                while (hear(*state, &before))
                        ;
                set(*state, rows[i].wanted);
                while (hear(*state, &said))
                        ;
                if (!text_equal(text_peek(&said), rows[i].said))
                        fail_msg("%s: '%s'", rows[i].says, text_peek(&said));
        }
}

static void test_what_does_not_fit_is_left_out(void **state) {
        _cleanup_text_ struct text said = {};
        struct scene *s = *state;

        s->store.room = 2;
        set(s, (const char *const[N_FDS]){ "z", "y", "a", "b" }); /* in the order of their importance */
        while (hear(s, &said))
                ;
        assert_string_equal(text_peek(&said), "+y:1 +z:0 ");
}

/* A program whose environment has a longer string than that is not started. */
static void test_names_have_to_fit_into_the_environment(void **state) {
        struct scene *s = *state;
        struct store_list list = {};
        char name[201] = {};

        unsetenv("NOTIFY_SOCKET"); /* nobody is told */
        memset(name, 'x', sizeof(name) - 1);
        s->store.room = 8192;
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(store_list_add(&list, strdup(name), &(struct store_item){ NULL, 0, i, s->fds[0] }), 0);
        store_set(&s->store, &list);
        assert_int_equal(s->store.holds.n, 96 * 1024 / 201);
}

/* So have those of units' sockets. */
static void test_names_that_others_have_in_the_environment(void **state) {
        struct scene *s = *state;
        struct store_list list = {};
        char name[201] = {};

        unsetenv("NOTIFY_SOCKET");
        memset(name, 'x', sizeof(name) - 1);
        s->store.room = 8192;
        for (unsigned i = 0; i < 100; i++)
                store_add_name(&s->store, name);
        assert_int_equal(store_share(&s->store, name, 1), 96 * 1024 / 201);
        for (unsigned i = 100; i < 400; i++)
                store_add_name(&s->store, name);
        assert_int_equal(store_share(&s->store, name, 1), 120 * 1024 / 201 - 400);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(store_list_add(&list, strdup(name), &(struct store_item){ NULL, 0, i, s->fds[0] }), 0);
        store_set(&s->store, &list);
        assert_int_equal(s->store.holds.n, 120 * 1024 / 201 - 400);
        for (unsigned i = 400; i < 700; i++)
                store_add_name(&s->store, name);
        store_set(&s->store, &list);
        assert_int_equal(s->store.holds.n, 0);
        assert_int_equal(store_share(&s->store, name, 1), 0);
}

static void test_shares_of_what_is_left(void **state) {
        struct scene *s = *state;
        char longest[256] = {};
        const struct {
                const char *says;
                unsigned room;
                const char *name;
                size_t n_parts;
                unsigned share;
        } rows[] = {
                { "without a store there is none", 0, "n", 1, 0 },
                { "what it holds stays", 3, "n", 1, 1 },
                { "a store that is full has none", 2, "n", 1, 0 },
                { "parts are equal", 12, "n", 3, 3 },
                { "what is left over is nobody's", 12, "n", 4, 2 },
                { "more pools than room", 12, "n", 11, 0 },
                { "no pools", 12, "n", 0, 0 },
                { "the service manager is not given thousands", 8192, "n", 1, 512 },
                { "names have to fit into the environment", 8192, longest, 1, 383 },
        };

        memset(longest, 'x', sizeof(longest) - 1);
        s->store.room = 2;
        set(s, (const char *const[N_FDS]){ "a", "b" });
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                s->store.room = rows[i].room;
                if (store_share(&s->store, rows[i].name, rows[i].n_parts) != rows[i].share)
                        fail_msg("%s: %u", rows[i].says, store_share(&s->store, rows[i].name, rows[i].n_parts));
        }
}

static void test_one_more_beside_what_was_set(void **state) {
        _cleanup_text_ struct text said = {};
        struct scene *s = *state;

        set(s, (const char *const[N_FDS]){ "a" });
        assert_true(store_keep(&s->store, "n", s->fds[1]));
        assert_true(store_keep(&s->store, "n", s->fds[2]));
        set(s, (const char *const[N_FDS]){ "a" });
        while (hear(s, &said))
                ;
        assert_string_equal(text_peek(&said), "+a:0 +n:1 +n:2 -n ");
}

static void test_names(void **state) {
        static const struct {
                const char *what, *name;
        } rows[] = {
                { "/run/x.sock", STORE_LISTENER "/run/x.sock" },
                { "[::1]:9000", STORE_LISTENER "[%3A%3A1]%3A9000" },
                { "a b%\xc3\xa9\n", STORE_LISTENER "a%20b%25%C3%A9%0A" },
        };
        char longest[257] = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *name = store_name(STORE_LISTENER, rows[i].what);

                assert_string_equal(name, rows[i].name);
                assert_true(store_is_name(name));
        }
        memset(longest, 'x', sizeof(longest) - 1);
        assert_null(store_name(STORE_NUMBERS, longest));
        assert_true(store_is_name("stored"));
        assert_false(store_is_name("www"));
        assert_false(store_is_name("unknown"));
}

static void test_room(void **state) {
        static const struct {
                const char *text;
                unsigned room;
        } rows[] = { { "0", 0 }, { "8192", 8192 }, { "-1", 0 }, { "4294967296", 0 }, { "many", 0 }, { "", 0 } };

        unsetenv("FDSTORE");
        assert_int_equal(store_room(), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(setenv("FDSTORE", rows[i].text, 1), 0);
                assert_int_equal(store_room(), rows[i].room);
        }
        assert_int_equal(setenv("FDSTORE", "7", 1), 0);
        unsetenv("NOTIFY_SOCKET");
        assert_int_equal(store_room(), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_manager_hears_of_differences_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_left_out, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_names_have_to_fit_into_the_environment, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_names_that_others_have_in_the_environment, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_shares_of_what_is_left, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_one_more_beside_what_was_set, set_up, tear_down),
                cmocka_unit_test(test_names),
                cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
