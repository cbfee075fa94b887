/* SPDX-License-Identifier: MIT */
/* master/inherited.h and master/spare.h: which pool gets which of the service manager's sockets, and what is left. */

#include "master/inherited.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "listeners.h"
#include "master/spare.h"

#define SOCKETS_MAX 4

/* What systemd has passed: names, each with a socket at an address of its own. */
struct passed {
        struct inherited all;
        char addresses[SOCKETS_MAX][32];
        struct conf_pool pools[SOCKETS_MAX];
};

static void pass(struct passed *p, const char *const names[], size_t n) {
        p->all.items = calloc(n, sizeof(*p->all.items));
        assert_non_null(p->all.items);
        for (size_t i = 0; i < n; i++) {
                struct inherited_socket *s = &p->all.items[p->all.n++];

                *s = (struct inherited_socket){
                        .fd = listeners_tcp(true, p->addresses[i]),
                        .name = strdup(names[i]),
                        .address = strdup(p->addresses[i]),
                };
                assert_true(asprintf(&s->label, "'%s' (%s)", s->name, s->address) > 0);
        }
}

/* How many sockets the pool of that name and `listen` gets; each is closed. */
static size_t claim(struct passed *p, const char *name, const char *listen) {
        const struct conf_pool pool = { .name = (char *)name, .listen = (char *)listen };
        struct listen_set *s = listen_set_new(&pool, SOCKETS_MAX);
        size_t n = inherited_claim(&p->all, &pool, s);

        listen_set_free(s);
        return n;
}

static void a_name_is_more_than_an_address(void **state) {
        struct passed p = {};

        pass(&p, (const char *const[]){ "a", "b" }, 2);
        assert_int_equal(claim(&p, "b", p.addresses[0]), 1); /* its name's, whatever its address */
        assert_true(p.all.items[1].claimed);
        assert_false(p.all.items[0].claimed);
        assert_int_equal(claim(&p, "c", p.addresses[0]), 1);
        assert_true(p.all.items[0].claimed);
        inherited_done(&p.all);
}

static void all_of_a_name_are_one_pools(void **state) {
        struct passed p = {};

        pass(&p, (const char *const[]){ "a", "b", "a" }, 3);
        assert_int_equal(claim(&p, "a", "systemd"), 2);
        assert_int_equal(claim(&p, "a", "systemd"), 0); /* each once */
        assert_int_equal(claim(&p, "b", "systemd"), 1);
        inherited_done(&p.all);
}

/* systemd names a socket by its unit where FileDescriptorName= is not given. */
static void an_address_is_enough(void **state) {
        struct passed p = {};

        pass(&p, (const char *const[]){ "fpmd.socket", "fpmd.socket" }, 2);
        assert_int_equal(claim(&p, "www", p.addresses[1]), 1);
        assert_true(p.all.items[1].claimed);
        assert_int_equal(claim(&p, "other", "systemd"), 0);
        assert_int_equal(claim(&p, "other", "127.0.0.1:1"), 0);
        inherited_done(&p.all);
}

static void what_nobody_claims_is_told_with_both_sides(void **state) {
        _cleanup_text_ struct text problems = {}, expected = {}, list = {};
        struct conf_pool pools[] = { { .name = (char *)"www", .listen = (char *)"/run/x.sock" },
                                     { .name = (char *)"api", .listen = (char *)"systemd" } };
        const struct conf conf = { .pools = pools, .n_pools = 2 };
        struct passed p = {};

        pass(&p, (const char *const[]){ "a", "api" }, 2);
        assert_int_equal(claim(&p, "api", "systemd"), 1);
        assert_int_equal(inherited_check_claimed(&p.all, &conf, &problems), LISTEN_E_PROBLEM);
        text_printf(&expected,
                    "no pool claims the socket 'a' (%s) from the service manager; the pools are: 'www' (listen = "
                    "/run/x.sock), 'api' (listen = systemd); a socket is claimed by FileDescriptorName= or by its "
                    "address\n",
                    p.addresses[0]);
        assert_string_equal(text_peek(&problems), text_peek(&expected));

        inherited_list(&p.all, &list);
        text_done(&expected);
        text_printf(&expected, "the service manager passed: 'a' (%s), 'api' (%s)", p.addresses[0], p.addresses[1]);
        assert_string_equal(text_peek(&list), text_peek(&expected));

        assert_int_equal(claim(&p, "a", "systemd"), 1);
        text_done(&problems);
        assert_int_equal(inherited_check_claimed(&p.all, &conf, &problems), 0);
        inherited_done(&p.all);
}

/* Shards are one address; a descriptor that is closed is told of all the same. */
static void what_is_spare_is_told_once(void **state) {
        _cleanup_text_ struct text expected = {}, lines = {};
        _cleanup_free_ char **names = NULL;
        struct passed p = {};
        size_t n;

        pass(&p, (const char *const[]){ "a", "b", "b" }, 3);
        free(p.all.items[2].label);
        p.all.items[2].label = strdup(p.all.items[1].label);
        assert_int_equal(claim(&p, "a", "systemd"), 1);
        spare_close(&p.all);
        assert_int_equal(fcntl(p.all.items[1].fd, F_GETFD), -1);
        assert_int_equal(fcntl(p.all.items[2].fd, F_GETFD), -1);
        names = spare_names(&p.all, &n);
        assert_int_equal(n, 1);
        assert_string_equal(names[0], p.all.items[1].label);
        spare_list(&p.all, "warning: ", &lines);
        text_printf(&expected, "warning: the socket 'b' (%s) from the service manager has no pool", p.addresses[1]);
        assert_true(text_has_prefix(text_peek(&lines), text_peek(&expected)));
        assert_ptr_equal(strchr(lines.data, '\n'), lines.data + lines.n - 1);
        inherited_done(&p.all);
}

static void nothing_passed_is_said(void **state) {
        _cleanup_text_ struct text list = {};

        inherited_list(&(struct inherited){}, &list);
        assert_string_equal(text_peek(&list), "the service manager passed: nothing");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_more_than_an_address),
                cmocka_unit_test(all_of_a_name_are_one_pools),
                cmocka_unit_test(an_address_is_enough),
                cmocka_unit_test(what_nobody_claims_is_told_with_both_sides),
                cmocka_unit_test(what_is_spare_is_told_once),
                cmocka_unit_test(nothing_passed_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
