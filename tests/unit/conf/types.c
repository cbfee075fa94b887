/* SPDX-License-Identifier: MIT */
/* What the types take, and refuse in which words. */

#include "conf/types.h"
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/values.h"
#include "given.h"

static const struct given_row rows[] = {
        { "too many children", "pm.max_children = 8193\n",
          "[x:6] unable to parse value for entry 'pm.max_children': 8193 is not between 0 and 8192 (nor 'auto')\n" },
        { "as many as there can be", "pm.max_children = 8192\n", "" },
        { "as many as there is memory for", "pm.max_children = Auto\n", "" },
        { "a number that overflows", "pm.max_children = 4294967297\n",
          "[x:6] unable to parse value for entry 'pm.max_children': 4294967297 is not between 0 and 8192 (nor "
          "'auto')\n" },
        { "a bad yes", "clear_env = maybe\n",
          "[x:6] unable to parse value for entry 'clear_env': invalid boolean value\n"
          "[x:6] directive 'clear_env': 'maybe' is neither yes nor no\n" },
        { "a bad time", "[global]\nprocess_control_timeout = 10ms\n",
          "[x:7] unable to parse value for entry 'process_control_timeout': unknown suffix used in time value\n"
          "[x:7] directive 'process_control_timeout': '10ms' is not a whole number, then s, m, h, d or nothing\n" },
        { "a bad mode", "listen.mode = 0999\n",
          "[x:6] unable to parse value for entry 'listen.mode': '0999' is not an octal mode of at most 7777\n" },
        { "a bad size", "pm.max_memory = 1T\n",
          "[x:6] unable to parse value for entry 'pm.max_memory': '1T' is not a size: a whole number, then K, M, G or "
          "nothing\n" },
        { "a size of a unit alone", "pm.max_memory = M\n",
          "[x:6] unable to parse value for entry 'pm.max_memory': 'M' is not a size: a whole number, then K, M, G or "
          "nothing\n" },
        { "a size that overflows", "pm.max_memory = 9007199254740992K\n",
          "[x:6] unable to parse value for entry 'pm.max_memory': 9007199254740992K is not between 0 and "
          "9223372036854775807 bytes\n" },
        { "a bad pm", "pm = fixed\n",
          "[x:6] unable to parse value for entry 'pm': invalid process manager (static, dynamic or ondemand)\n"
          "[x:6] directive 'pm': 'fixed' is none\n" },
        { "a bad level", "[global]\nlog_level = loud\n",
          "[x:7] unable to parse value for entry 'log_level': invalid value for 'log_level'\n"
          "[x:7] directive 'log_level': 'loud' is none of debug, notice, warning, error, alert\n" },
        { "no shards", "listen = 9000\nlisten.shards = 0\n",
          "[x:7] unable to parse value for entry 'listen.shards': 0 is not between 1 and 64 (nor 'auto')\n" },
        { "a time below its row's least", "park.idle_timeout = 0\n",
          "[x:6] unable to parse value for entry 'park.idle_timeout': 0 is not between 1 and 31536000 seconds\n" },
        { "the same with a unit", "park.idle_timeout = 0 d\n",
          "[x:6] unable to parse value for entry 'park.idle_timeout': 0 d is not between 1 and 31536000 seconds\n" },
        { "a time above its row's most", "park.idle_timeout = 366d\n",
          "[x:6] unable to parse value for entry 'park.idle_timeout': 366d is not between 1 and 31536000 seconds\n" },
        { "a size below its row's least", "park.max_bytes = 63K\n",
          "[x:6] unable to parse value for entry 'park.max_bytes': 63K is not between 65536 and 9223372036854775807 "
          "bytes\n" },
        { "landlock by a word that is none", "security.landlock = some\n",
          "[x:6] unable to parse value for entry 'security.landlock': 'some' is none of no, yes and strict\n" },
        { "landlock by words of a switch", "security.landlock = off\n", "" },
        { "landlock by a number", "security.landlock = 2\n",
          "[x:6] unable to parse value for entry 'security.landlock': '2' is none of no, yes and strict\n" },
        { "an abandoned request's fate that is none", "queue.abandoned = keep\n",
          "[x:6] unable to parse value for entry 'queue.abandoned': 'keep' is neither run nor drop\n" },
        { "a script's fate that is none", "request.on_disconnect = stop\n",
          "[x:6] unable to parse value for entry 'request.on_disconnect': 'stop' is neither ignore nor abort\n" },
        { "a delay in words", "queue.max_wait = long\n",
          "[x:6] unable to parse value for entry 'queue.max_wait': 'long' is not a whole number, then ms, s, m, h, d "
          "or "
          "nothing\n" },
        { "a delay with a point", "queue.max_wait = 0.5s\n",
          "[x:6] unable to parse value for entry 'queue.max_wait': '0.5s' is not a whole number, then ms, s, m, h, d "
          "or "
          "nothing\n" },
        { "a delay that is too long", "queue.max_wait = 31536000001ms\n",
          "[x:6] unable to parse value for entry 'queue.max_wait': 31536000001ms is not between 0 and 31536000 "
          "seconds\n" },
        { "a delay that overflows", "queue.max_wait = 18446744073709551615d\n",
          "[x:6] unable to parse value for entry 'queue.max_wait': 18446744073709551615d is not between 0 and 31536000 "
          "seconds\n" },
        { "a status of success", "queue.status = 200\n",
          "[x:6] unable to parse value for entry 'queue.status': 200 is not between 400 and 599\n" },
        { "shards in words", "listen = 9000\nlisten.shards = many\n",
          "[x:7] unable to parse value for entry 'listen.shards': is not a valid number (greater or equal than zero)\n"
          "[x:7] directive 'listen.shards': 'many' is no number (nor 'auto')\n" },
};

static void test_problems(void **state) {
        given_check(rows, ELEMENTSOF(rows));
}

/* Whether a row takes a number, in a section of zeros. */
static bool takes(const struct conf_directive *d, int64_t number) {
        union {
                struct conf_global global;
                struct conf_pool pool;
        } section = {};
        _cleanup_text_ struct text text = {}, reason = {};

        text_printf(&text, "%lld", (long long)number);
        return conf_value_set(d, &section, text_peek(&text), &reason) == 0;
}

static bool is_of_numbers(enum conf_type type) {
        return type == CONF_TYPE_COUNT || type == CONF_TYPE_AUTO || type == CONF_TYPE_LIMIT || type == CONF_TYPE_INT ||
               type == CONF_TYPE_RLIMIT || type == CONF_TYPE_SIZE || type == CONF_TYPE_TIME;
}

static size_t check_bounds(const struct conf_directive *rows_of_table, size_t n) {
        size_t n_checked = 0;

        for (const struct conf_directive *d = rows_of_table; d < rows_of_table + n; d++) {
                if (!is_of_numbers(d->type))
                        continue;
                if (!takes(d, d->min) || takes(d, d->min - 1) || !takes(d, d->max) ||
                    (d->max < INT64_MAX && takes(d, d->max + 1)))
                        fail_msg("%s does not keep to its bounds", d->name);
                n_checked++;
        }
        return n_checked;
}

static void test_every_row_keeps_to_its_bounds(void **state) {
        assert_true(check_bounds(conf_global_directives, _CONF_GLOBAL_MAX) > 5);
        assert_true(check_bounds(conf_pool_directives, _CONF_POOL_MAX) > 20);
}

static void test_values_reach_their_fields(void **state) {
        _cleanup_conf_ struct conf *c =
                given_conf("listen.backlog = 511\nlisten.mode = 600\npm.max_requests = 500\nclear_env = no\n"
                           "security.limit_extensions =\npm.process_idle_timeout = 2 m\nprocess.priority = -5\n"
                           "rlimit_core = unlimited\naccess.log = /tmp/$pool-$pool.log\npm.status_path = /status\n"
                           "[global]\nerror_log = log/x.log\nprocess_control_timeout = 1h\nsyslog.facility = local3\n");
        const struct conf_pool *p = conf_find_pool(c, "www");

        assert_null(conf_find_pool(c, "WWW"));
        assert_non_null(p);
        assert_int_equal(p->listen_backlog, 511);
        assert_int_equal(p->listen_mode, 0600);
        assert_int_equal(p->max_requests, 500);
        assert_false(p->clear_env);
        assert_null(p->limit_extensions[0]);
        assert_int_equal(p->process_idle_timeout, 120 * USEC_PER_SEC);
        assert_int_equal(p->process_priority, -5);
        assert_true(p->rlimit_core == CONF_UNLIMITED);
        assert_string_equal(p->access_log, "/tmp/www-www.log");
        assert_string_equal(p->status_path, "/status");
        assert_string_equal(c->global.error_log, "/var/log/x.log");
        assert_int_equal(c->global.process_control_timeout, 3600 * USEC_PER_SEC);
}

static void test_sizes(void **state) {
        static const struct {
                const char *text;
                uint64_t bytes;
        } sizes[] = { { "0", 0 },
                      { "1000", 1000 },
                      { "4k", 4096 },
                      { "128M", UINT64_C(128) << 20 },
                      { "2G", UINT64_C(2) << 30 } };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_conf_ struct conf *c = NULL;
                char line[64];

                snprintf(line, sizeof(line), "pm.max_memory = %s\n", sizes[i].text);
                c = given_conf(line);
                assert_true(c->pools[0].max_memory == sizes[i].bytes);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_every_row_keeps_to_its_bounds),
                cmocka_unit_test(test_values_reach_their_fields),
                cmocka_unit_test(test_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
