/* SPDX-License-Identifier: MIT */
/* A pool's settings as bytes and back, and what differs between two pools. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "conf/diff.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "given.h"

static const char *const texts[] = {
        "",
        "pm = ondemand\npm.max_children = 2\npool.sleep_after = 0\n",
        "user = nobody\ngroup = nogroup\nlisten = systemd\nlisten.mode = 0600\nchdir = /no/such\n",
        "env[A] = $HOME\nenv[B] = \"a=b\"\nenv[C] = $NO_SUCH_VARIABLE_HERE\n",
        "php_value[a] = \"\"\nphp_admin_flag[b] = off\nphp_flag[c] = on\nphp_admin_value[d] = \"x\ty\"\n",
        "security.limit_extensions =\nprocess.priority = 0\nrlimit_core = unlimited\nprefix = /x\naccess.log = y\n",
        ("pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\naccess.suppress_path[] = "
         "/a\nqueue.priority[high] = /b*\n"
         "queue.priority[low] = \"C=d\"\nqueue.max_wait = 250ms\n"
         "[global]\nlog_level = alert\nprocess_control_timeout = 5m\nerror_log = syslog\nrlimit_files = 7\n"),
};

static void test_round_trip(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_conf_ struct conf *c = given_conf(texts[i]), *back = NULL;
                _cleanup_free_ char *bytes = NULL, *again = NULL;
                _cleanup_text_ struct text problems = {};
                size_t n, n_again;

                assert_int_equal(conf_pack_pool(c, &c->pools[0], &bytes, &n), 0);
                if (conf_pack_take(bytes, n, &back, &problems) != 0)
                        fail_msg("'%s': %s", texts[i], text_peek(&problems));
                assert_int_equal(back->n_pools, 1);
                assert_true(conf_diff_pool_equal(&c->pools[0], &back->pools[0]));
                assert_true(conf_diff_global_equal(&c->global, &back->global));
                assert_string_equal(back->pools[0].where.file, "x");
                assert_int_equal(back->pools[0].listen_where.line, c->pools[0].listen_where.line);
                assert_int_equal(conf_pack_pool(back, &back->pools[0], &again, &n_again), 0);
                assert_int_equal(n, n_again);
                assert_memory_equal(bytes, again, n);
        }
}

/* PHP names the line of what it does not take. */
static void test_lines_are_kept(void **state) {
        _cleanup_conf_ struct conf *c = given_conf("env[A] = a\nphp_value[x] = 1\n\nphp_admin_flag[y] = on\n"),
                                   *back = NULL;
        _cleanup_free_ char *bytes = NULL;
        _cleanup_text_ struct text problems = {};
        size_t n;

        assert_int_equal(conf_pack_pool(c, &c->pools[0], &bytes, &n), 0);
        assert_int_equal(conf_pack_take(bytes, n, &back, &problems), 0);
        assert_int_equal(back->pools[0].n_php_settings, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(back->pools[0].php_settings[i].where.file, "x");
                assert_int_equal(back->pools[0].php_settings[i].where.line, c->pools[0].php_settings[i].where.line);
        }
        assert_int_equal(back->pools[0].env.items[0].where.line, c->pools[0].env.items[0].where.line);
        assert_int_equal(back->pools[0].php_settings[1].where.line, back->pools[0].php_settings[0].where.line + 2);
}

/* Every cut is either refused or, between two records, a shorter list of settings; never a read behind the end. */
static void test_cut_bytes(void **state) {
        _cleanup_conf_ struct conf *c = given_conf(texts[4]);
        _cleanup_free_ char *bytes = NULL;
        size_t n, n_taken = 0;

        assert_int_equal(conf_pack_pool(c, &c->pools[0], &bytes, &n), 0);
        for (size_t cut = 0; cut < n; cut++) {
                _cleanup_free_ char *part = malloc(cut + 1);
                _cleanup_conf_ struct conf *back = NULL;
                _cleanup_text_ struct text problems = {};
                int r;

                assert_non_null(part);
                memcpy(part, bytes, cut);
                r = conf_pack_take(part, cut, &back, &problems);
                assert_true(r == 0 || (r == CONF_E_INVALID && problems.n > 0));
                n_taken += r == 0;
        }
        assert_in_range(n_taken, 1, 60);
}

static const struct {
        const char *sentence;
        const char *bytes;
        size_t n;
} bad[] = {
#define BYTES(s) (s), sizeof(s)
        { "nothing", "", 0 },
        { "another magic word", BYTES("fpmd-pool-2") },
        { "no pool", BYTES("fpmd-pool-1\0global\0log_level\0notice") },
        { "a setting before its pool", BYTES("fpmd-pool-1\0set\0pm\0static") },
        { "two pools", BYTES("fpmd-pool-1\0pool\0a\0\0pool\0b\0") },
        { "no such directive", BYTES("fpmd-pool-1\0pool\0a\0\0set\0foo\0"
                                     "1") },
        { "no such kind", BYTES("fpmd-pool-1\0pool\0a\0\0foo\0pm\0static") },
        { "a value out of range", BYTES("fpmd-pool-1\0pool\0a\0\0set\0pm.max_children\0"
                                        "9999") },
        { "a flag that is none", BYTES("fpmd-pool-1\0pool\0a\0\0php_flag\0x\0"
                                       "7") },
        { "a record with two texts", BYTES("fpmd-pool-1\0pool\0a\0\0set\0pm") },
        { "a pool without its place", BYTES("fpmd-pool-1\0pool\0a\0\0set\0listen\0"
                                            "9\0set\0pm\0static\0set\0pm.max_children\0"
                                            "1") },
        { "a pool that breaks a rule", BYTES("fpmd-pool-1\0pool\0a\0\0where\0x\0"
                                             "1") },
#undef BYTES
};

static void test_bad_bytes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_text_ struct text problems = {};
                struct conf *c = NULL;

                if (conf_pack_take(bad[i].bytes, bad[i].n, &c, &problems) != CONF_E_INVALID || problems.n == 0)
                        fail_msg("%s was taken", bad[i].sentence);
                assert_null(c);
        }
}

/* What the master gives a zygote: bytes in a sealed file, which is closed behind them. */
static void test_read_from_a_descriptor(void **state) {
        _cleanup_conf_ struct conf *c = given_conf(texts[1]), *back = NULL;
        _cleanup_free_ char *bytes = NULL;
        _cleanup_text_ struct text problems = {};
        size_t n;
        int fd;

        assert_int_equal(conf_pack_pool(c, &c->pools[0], &bytes, &n), 0);
        fd = fd_new_sealed("test", bytes, n);
        assert_true(fd >= 0);
        assert_int_equal(conf_pack_read(fd, &back, &problems), 0);
        assert_true(conf_diff_pool_equal(&c->pools[0], &back->pools[0]));
        assert_true(fcntl(fd, F_GETFD) < 0);

        fd = fd_new_sealed("test", bytes, n - 1);
        assert_true(fd >= 0);
        assert_int_equal(conf_pack_read(fd, &back, &problems), -EBADMSG);
        assert_true(problems.n > 0);
        assert_true(fcntl(fd, F_GETFD) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_lines_are_kept),
                cmocka_unit_test(test_cut_bytes),
                cmocka_unit_test(test_bad_bytes),
                cmocka_unit_test(test_read_from_a_descriptor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
