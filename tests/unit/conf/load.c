/* SPDX-License-Identifier: MIT */
/* Texts to models: what is accepted, what is refused and in which words, includes, defaults, the dump. */

#include "conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "conf/diff.h"
#include "conf/lines.h"
#include "conf/values.h"

#define BASE "[www]\nuser = daemon\nlisten = /run/x.sock\npm = static\npm.max_children = 2\n"

/* Rows are read with BASE before them, so their first line is number 6, unless they begin with "!". */
static const struct {
        const char *sentence;
        const char *text;
        const char
                *problem; /* "": accepted; else the lines of the problems that tell a place have to be exactly these */
} rows[] = {
        { "the base is complete", "", "" },
        { "an empty file", "!", "[x:0] no pool is defined: at least one [section] is needed\n" },
        { "a pool needs all three", "![a]\n",
          "[x:1] directive 'listen': pool 'a' has no address to listen on\n"
          "[x:1] directive 'pm': pool 'a' has none\n"
          "[x:1] directive 'pm.max_children': pool 'a' could have no worker\n" },
        { "global settings may stand before any section", "!log_level = debug\n" BASE, "" },
        { "and behind the pools", "[global]\nlog_level = error", "" },
        { "a section may go on later", "[global]\n[WWW]\nping.path = /ping\n", "" },
        { "a byte order mark and CRLF", "!\xef\xbb\xbf[www]\r\nlisten = 9000\r\npm = static\r\npm.max_children = 1\r\n",
          "" },
        { "a misspelt name", "pm.max_childern = 3\n",
          "[x:6] unknown entry 'pm.max_childern' (is it 'pm.max_children'?)\n" },
        { "a name like no other", "foo = 3\n", "[x:6] unknown entry 'foo'\n" },
        { "a global one in a pool", "pid = /x\n", "[x:6] unknown entry 'pid' (it belongs in [global])\n" },
        { "a pool's in global", "[global]\nlisten = 1\n",
          "[x:7] unknown entry 'listen' (it belongs in a pool's section)\n" },
        { "an array without a key", "php_value = 3\n",
          "[x:6] unknown entry 'php_value' (it is written in a pool's section, as php_value[NAME] = VALUE)\n" },
        { "an array with an empty key", "php_value[] = 3\n",
          "[x:6] You must provide a key for field 'php_value': php_value[NAME]\n" },
        { "a key where none is taken", "pm[x] = 3\n", "[x:6] unknown directive 'pm' with a [key]: it takes none\n" },
        { "a key in global", "[global]\npid[x] = 3\n", "[x:7] Array are not allowed in the global section: pid[x]\n" },
        { "names in any case", "Clear_Env = no\n", "" },
        { "every problem is told", "a = 1\n# x\npm.max_children = x\n",
          "[x:6] unknown entry 'a'\n"
          "[x:7] syntax error: a comment starts with ';', not with '#'\n"
          "[x:8] unable to parse value for entry 'pm.max_children': is not a valid number (greater or equal than "
          "zero): 'x'\n" },
        { "no children", "pm.max_children = 0\n",
          "[x:6] directive 'pm.max_children': pool 'www' could have no worker\n" },
        { "too many children", "pm.max_children = 8193\n",
          "[x:6] unable to parse value for entry 'pm.max_children': 8193 is not between -1 and 8192\n" },
        { "as many as there can be", "pm.max_children = 8192\n", "" },
        { "a number that overflows", "pm.max_children = 4294967297\n",
          "[x:6] unable to parse value for entry 'pm.max_children': 4294967297 is not between -1 and 8192\n" },
        { "a bad yes", "clear_env = maybe\n",
          "[x:6] unable to parse value for entry 'clear_env': invalid boolean value: 'maybe' is neither yes nor no\n" },
        { "a bad flag", "php_flag[x] = 2\n", "[x:6] error while parsing 'php_flag[x]' : invalid boolean value '2'\n" },
        { "a bad time", "[global]\nprocess_control_timeout = 10ms\n",
          "[x:7] unable to parse value for entry 'process_control_timeout': unknown suffix used in time value: '10ms' "
          "is not a whole number, then s, m, h, d or nothing\n" },
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
          "[x:6] unable to parse value for entry 'pm': invalid process manager (static, dynamic or ondemand): "
          "'fixed'\n" },
        { "a bad level", "[global]\nlog_level = loud\n",
          "[x:7] unable to parse value for entry 'log_level': invalid value for 'log_level': 'loud' is none of debug, "
          "notice, warning, error, alert\n" },
        { "a known event mechanism", "[global]\nevents.mechanism = Select\n", "" },
        { "an event mechanism of another system", "[global]\nevents.mechanism = kqueue\n",
          "[x:7] directive 'events.mechanism': event mechanism 'kqueue' is not available on this system\n" },
        { "$pool in global", "[global]\npid = /$pool\n",
          "[x:7] unable to parse value for entry 'pid': Can't use '$pool' when the pool is not defined\n" },
        { "a port", "listen = 9000\n", "" },
        { "a port that is none", "listen = 0\n",
          "[x:6] directive 'listen': '0': a port is a number from 1 to 65535\n" },
        { "a host's port", "listen = 127.0.0.1:70000\n",
          "[x:6] directive 'listen': '127.0.0.1:70000': a port is a number from 1 to 65535\n" },
        { "an IPv6 address", "listen = [::1]:9000\n", "" },
        { "a host name is not resolved here", "listen = no.such.host.invalid:9000\n", "" },
        { "a star", "listen = *:9000\n",
          "[x:6] directive 'listen': '*:9000': for all addresses write the port alone\n" },
        { "an activated socket", "listen = systemd\n", "" },
        { "a relative path begins where those of php-fpm do", "listen = x.sock\n", "" },
        { "a relative path with a prefix", "prefix = /usr\nlisten = x.sock\nchdir = bin\n", "" },
        { "two pools at one address", "[b]\nlisten = /run/x.sock\npm = static\npm.max_children = 1\n",
          "[x:7] directive 'listen': '/run/x.sock' is taken by pool 'www' already\n" },
        { "two pools at one address in other words",
          "listen = 9000\n[b]\nlisten = [::]:9000\npm = static\npm.max_children = 1\n",
          "[x:8] directive 'listen': '[::]:9000' is taken by pool 'www' already\n" },
        { "a status address that is the pool's own", "pm.status_listen = /run/x.sock\n",
          "[x:6] directive 'pm.status_listen': the pool listens on '/run/x.sock' already\n" },
        { "a status address that is none", "pm.status_listen = systemd\n",
          "[x:6] directive 'pm.status_listen': write its address; a socket of the service manager is known by it\n" },
        { "shards of a unix socket", "listen.shards = 2\n",
          "[x:6] directive 'listen.shards': a unix socket has one queue of connections; 2 are for TCP\n" },
        { "the one shard of a unix socket", "listen.shards = 1\n", "" },
        { "shards of a TCP socket", "listen = 9000\nlisten.shards = 4\n", "" },
        { "as many shards as there are CPUs", "listen = 9000\nlisten.shards = auto\n", "" },
        { "no shards", "listen = 9000\nlisten.shards = 0\n",
          "[x:7] unable to parse value for entry 'listen.shards': 0 is not between 1 and 64 (nor 'auto')\n" },
        { "shards in words", "listen = 9000\nlisten.shards = many\n",
          "[x:7] unable to parse value for entry 'listen.shards': is not a valid number (greater or equal than zero): "
          "'many' (nor 'auto')\n" },
        { "a user who is not there", "user = no-such-user\n",
          "[x:6] directive 'user': there is no user 'no-such-user'\n" },
        { "a group that is not there", "group = no-such-group\n",
          "[x:6] directive 'group': there is no group 'no-such-group'\n" },
        { "a user's number", "user = 12345\n", "" },
        { "dynamic without its numbers", "pm = dynamic\n",
          "[x:1] directive 'pm.min_spare_servers': with pm = dynamic it must be at least 1\n"
          "[x:1] directive 'pm.max_spare_servers': with pm = dynamic it must be at least 1\n" },
        { "dynamic", "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n", "" },
        { "more spare ones than children", "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
          "[x:8] directive 'pm.max_spare_servers': there are 2 workers at most\n" },
        { "spare bounds the wrong way round", "pm = dynamic\npm.min_spare_servers = 2\npm.max_spare_servers = 1\n",
          "[x:8] directive 'pm.max_spare_servers': 1 is below 2\n" },
        { "a start outside the bounds",
          "pm = dynamic\npm.min_spare_servers = 2\npm.max_spare_servers = 2\npm.start_servers = 1\n",
          "[x:9] directive 'pm.start_servers': 1 is not between 2 and 2\n" },
        { "static does not mind", "pm.start_servers = 99\npm.max_spawn_rate = 0\n", "" },
        { "ondemand", "pm = ondemand\n", "" },
        { "ondemand without an idle time", "pm = ondemand\npm.process_idle_timeout = 0\n",
          "[x:7] directive 'pm.process_idle_timeout': with pm = ondemand it must be above 0s\n" },
        { "a page without a slash", "ping.path = ping\n",
          "[x:6] directive 'ping.path': 'ping' must begin with a '/'\n" },
        { "a page that is too short", "ping.path = /\n",
          "[x:6] directive 'ping.path': something must follow the '/'\n" },
        { "a page with other letters", "pm.status_path = \"/s?x\"\n",
          "[x:6] directive 'pm.status_path': '/s?x' must consist of letters, digits and /_-.~\n" },
        { "an empty response", "ping.response =\n", "" },
        { "a folder that is not there", "chdir = /no/such\n",
          "[x:6] directive 'chdir': '/no/such': No such file or directory\n" },
        { "a folder that is a file", "chdir = /etc/passwd\n",
          "[x:6] directive 'chdir': '/etc/passwd': Not a directory\n" },
        { "a folder inside the chroot", "chroot = /usr\nchdir = /bin\n", "" },
        { "an extension without a dot", "security.limit_extensions = .php html\n", "" },
        { "extensions with commas", "security.limit_extensions = .php,.html\n",
          "[x:6] directive 'security.limit_extensions': '.php,.html': blanks stand between extensions, not commas\n" },
        { "a slow log without a file", "request_slowlog_timeout = 5\n",
          "[x:6] directive 'request_slowlog_timeout': it needs 'slowlog'\n" },
        { "a client that is no address", "listen.allowed_clients = 127.0.0.1, x,::1\n",
          "[x:6] directive 'listen.allowed_clients': 'x' is no IP address\n" },
        { "an empty variable", "env[A] =\n", "[x:6] empty value: env[A]\n" },
        { "an access log", "access.log = /tmp/$pool.log\naccess.format = '%R %{milli}d %{Content-Type}o'\n", "" },
        { "an access format that nothing uses", "access.format = %z\n", "" },
        { "an access log in the journal", "access.log = journal\n", "" },
        { "an access log as php-fpm's error log names the journal", "access.log = syslog\n", "" },
        { "an access log in a folder that is not there", "access.log = /nowhere/a.log\n",
          "[x:6] directive 'access.log': it cannot be opened\n" },
        { "an access log that is a folder", "access.log = /tmp\n",
          "[x:6] directive 'access.log': it cannot be opened\n" },
        { "an access format of an unknown code", "access.format = %z\naccess.log = journal\n",
          "[x:6] directive 'access.format': '%z' is none of its codes\n" },
        { "a path to leave out of the access log", "access.suppress_path[] = /ping\n", "" },
        { "with a key", "access.suppress_path[x] = /ping\n",
          "[x:6] Keys provided to field 'access.suppress_path' are ignored: write access.suppress_path[] = PATH\n" },
        { "a pool's name that breaks paths", "[a/b]\nlisten = 3\nfoo = 4\n",
          "[x:6] a pool cannot be named 'a/b': 1 to 63 bytes, none of / $ \" ' \\ [ ] ; = or control bytes\n" },
        { "an include without files", "include = /etc/*.conf\n",
          "[x:6] directive 'include': there are no other files here\n" },
};

static int load(const char *text, const struct conf_options *options, struct conf **ret, struct text *problems) {
        _cleanup_text_ struct text t = {};

        text_printf(&t, "%s%s", text[0] == '!' ? "" : BASE, text[0] == '!' ? text + 1 : text);
        return conf_load_text("x", t.data, t.n, options, ret, problems);
}

static struct conf *must_load(const char *text) {
        static const struct conf_options options = {};
        _cleanup_text_ struct text problems = {};
        struct conf *c = NULL;

        if (load(text, &options, &c, &problems) != 0)
                fail_msg("'%s': %s", text, text_peek(&problems));
        return c;
}

/* The lines that begin with a place; those in php-fpm's words are compared with its own elsewhere. */
static void keep_places(const char *problems, struct text *ret) {
        enum log_level level;
        const char *line;
        size_t n;

        while (conf_lines_next(&problems, &level, &line, &n))
                if (conf_lines_is_place(line)) {
                        text_append_n(ret, line, n);
                        text_append_c(ret, '\n');
                }
}

static void test_problems(void **state) {
        static const struct conf_options options = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_conf_ struct conf *c = NULL;
                _cleanup_text_ struct text problems = {}, places = {};
                int r;

                r = load(rows[i].text, &options, &c, &problems);
                keep_places(text_peek(&problems), &places);
                if (!text_equal(text_peek(&places), rows[i].problem))
                        fail_msg("%s: told\n%s", rows[i].sentence, text_peek(&places));
                assert_int_equal(r, *rows[i].problem ? CONF_E_INVALID : 0);
                assert_true((r == 0) == !!c);
        }
}

static void test_root_must_name_a_user(void **state) {
        static const struct conf_options options = { .running_as_root = true };
        static const char *const bad[] = { "user = root\n", "user = 0\n", "user =\n", "group = root\n", "group = 0\n" };
        _cleanup_conf_ struct conf *c = NULL;
        _cleanup_text_ struct text none = {};

        assert_int_equal(load("", &options, &c, &none), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_text_ struct text problems = {};
                struct conf *d;

                assert_int_equal(load(bad[i], &options, &d, &problems), CONF_E_INVALID);
                assert_non_null(strstr(text_peek(&problems), "please specify user and group other than root"));
        }
}

static void test_root_that_is_allowed_need_not(void **state) {
        static const struct conf_options options = { .running_as_root = true, .allow_root = true };
        static const char *const good[] = { "user = root\n", "user =\n", "group = 0\n" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_conf_ struct conf *c = NULL;
                _cleanup_text_ struct text problems = {};

                assert_int_equal(load(good[i], &options, &c, &problems), 0);
        }
}

static void test_acl_names_must_exist(void **state) {
        static const struct conf_options options = {};
        _cleanup_text_ struct text problems = {}, none = {};
        _cleanup_conf_ struct conf *c = NULL;
        struct conf *d;

        assert_int_equal(load("listen.acl_users = root, 4711\nlisten.acl_groups = root\n", &options, &c, &none), 0);
        assert_int_equal(load("listen.acl_users = root,no-such-user\nlisten.acl_groups = no-such-group\n", &options, &d,
                              &problems),
                         CONF_E_INVALID);
        assert_non_null(
                strstr(text_peek(&problems), "directive 'listen.acl_users': there is no user 'no-such-user'\n"));
        assert_non_null(
                strstr(text_peek(&problems), "directive 'listen.acl_groups': there is no group 'no-such-group'\n"));
}

static void test_defaults(void **state) {
        _cleanup_conf_ struct conf *c = must_load("");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(c->global.process_control_timeout, 30 * USEC_PER_SEC);
        assert_int_equal(c->global.log_level, LOG_LEVEL_NOTICE);
        assert_false(c->global.daemonize);
        assert_null(c->global.error_log);
        assert_int_equal(p->listen_backlog, -1);
        assert_int_equal(p->listen_mode, 0660);
        assert_int_equal(p->max_requests, 0);
        assert_true(p->clear_env);
        assert_false(p->catch_workers_output);
        assert_string_equal(p->ping_response, "pong");
        assert_string_equal(p->limit_extensions[0], ".php");
        assert_string_equal(p->limit_extensions[1], ".phar");
        assert_null(p->limit_extensions[2]);
        assert_int_equal(p->process_priority, CONF_INT_UNSET);
        assert_int_equal(p->where.line, 1);
        assert_int_equal(p->listen_where.line, 3);
        assert_string_equal(p->listen_where.file, "x");
}

static void test_values_reach_their_fields(void **state) {
        _cleanup_conf_ struct conf *c =
                must_load("listen.backlog = 511\nlisten.mode = 600\npm.max_requests = 500\nclear_env = no\n"
                          "security.limit_extensions =\npm.process_idle_timeout = 2 m\nprocess.priority = -5\n"
                          "rlimit_core = unlimited\naccess.log = /tmp/$pool-$pool.log\npm.status_path = /status\n"
                          "[global]\nerror_log = log/x.log\nprocess_control_timeout = 1h\nsyslog.facility = local3\n");
        const struct conf_pool *p = conf_find_pool(c, "WWW");

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
                c = must_load(line);
                assert_true(c->pools[0].max_memory == sizes[i].bytes);
        }
}

static void test_idle_timeout_is_ten_seconds_with_ondemand_alone(void **state) {
        _cleanup_conf_ struct conf *ondemand = must_load("pm = ondemand\n"),
                                   *dynamic = must_load(
                                           "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n");

        assert_int_equal(ondemand->pools[0].process_idle_timeout, 10 * USEC_PER_SEC);
        assert_int_equal(dynamic->pools[0].process_idle_timeout, 0);
}

static void test_the_last_value_stands(void **state) {
        _cleanup_conf_ struct conf *c = must_load("pm.max_children = 5\npm.max_children = 7\nuser = bin\nuser =\n");

        assert_int_equal(c->pools[0].max_children, 7);
        assert_null(c->pools[0].user);
}

static void assert_setting(const struct conf_php_setting *s, const char *key, const char *value, bool admin) {
        assert_string_equal(s->key, key);
        assert_string_equal(s->value, value);
        assert_int_equal(s->admin, admin);
}

static void test_php_settings_keep_their_order(void **state) {
        _cleanup_conf_ struct conf *c = must_load(
                "php_value[a] = 1\nphp_admin_flag[b] = on\nphp_flag[c] = \"no\"\nphp_admin_value[d] = /$pool\n");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(p->n_php_settings, 4);
        assert_setting(&p->php_settings[0], "a", "1", false);
        assert_setting(&p->php_settings[1], "b", "1", true);
        assert_setting(&p->php_settings[2], "c", "0", false);
        assert_setting(&p->php_settings[3], "d", "/www", true);
        assert_null(c->notices[0]);
}

/* Which of two alike is in force was found by asking php-fpm: the first, and an admin value wherever it stands. */
static void test_php_settings_given_twice(void **state) {
        _cleanup_conf_ struct conf *c = must_load("php_value[a] = 1\nphp_flag[a] = on\nphp_value[b] = 1\n"
                                                  "php_admin_value[b] = 2\nphp_admin_value[extension] = x\n"
                                                  "php_admin_value[extension] = y\n");
        const struct conf_pool *p = &c->pools[0];

        assert_int_equal(p->n_php_settings, 4);
        assert_setting(&p->php_settings[0], "a", "1", false);
        assert_setting(&p->php_settings[1], "b", "2", true);
        assert_setting(&p->php_settings[2], "extension", "x", true);
        assert_setting(&p->php_settings[3], "extension", "y", true);
        assert_string_equal(c->notices[0], "[x:8] PHP setting 'b' has no effect: x:9 has it already");
        assert_string_equal(c->notices[1], "[x:7] PHP setting 'a' has no effect: x:6 has it already");
        assert_null(c->notices[2]);
}

static void test_environment(void **state) {
        _cleanup_conf_ struct conf *c = NULL;
        const struct conf_pairs *env;

        setenv("FPMD_TEST", "$x y", 1);
        unsetenv("FPMD_TEST_NONE");
        c = must_load("env[A] = $FPMD_TEST\nenv[B] = $FPMD_TEST_NONE\nenv[C] = ${FPMD_TEST}-\nenv[D] = a$FPMD_TEST\n"
                      "env[A] = later\n");
        env = &c->pools[0].env;
        assert_int_equal(env->n, 4);
        assert_string_equal(env->items[0].value, "$x y");
        assert_string_equal(env->items[0].source, "$FPMD_TEST");
        assert_string_equal(env->items[1].value, "");
        assert_string_equal(env->items[3].value, "a$FPMD_TEST");
        assert_string_equal(c->notices[0], "[x:10] env[A] has no effect: x:6 has it already");
}

static void test_start_servers_follow(void **state) {
        _cleanup_conf_ struct conf *c =
                must_load("pm.max_children = 9\npm = dynamic\npm.min_spare_servers = 2\npm.max_spare_servers = 7\n");

        assert_int_equal(c->pools[0].start_servers, 4);
        assert_non_null(strstr(c->notices[0], "NOTICE: [pool www] pm.start_servers is not set. It's been set to 4."));
}

static void test_ignored_is_told(void **state) {
        _cleanup_conf_ struct conf *c = must_load("pm = ondemand\nslowlog = /x\nrequest_terminate_timeout = 0\n"
                                                  "ping.path = /p\n[global]\npid = /x\nevents.mechanism = epoll\n");
        _cleanup_text_ struct text list = {};

        conf_list_ignored(c, &list);
        assert_string_equal(text_peek(&list), "[x:12] directive 'events.mechanism': accepted, and without effect\n");
}

static void test_dump_reads_back(void **state) {
        _cleanup_conf_ struct conf *c = NULL, *back = NULL;
        _cleanup_text_ struct text dump = {}, problems = {};
        static const struct conf_options options = {};

        setenv("FPMD_TEST", "a\"b\\c;${X} ", 1);
        c = must_load(
                "env[A] = $FPMD_TEST\nenv[B] = \"${FPMD_TEST}\"\nphp_value[\"a b\"] = none\n"
                "php_admin_value[error_reporting] = E_ALL & ~E_NOTICE\nphp_flag[x] = on\nping.response = \"on\"\n"
                "access.format = '%R \"%m %r\" $x'\naccess.suppress_path[] = '/a b'\nsecurity.limit_extensions =\n"
                "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\nprocess.priority = -3\n"
                "rlimit_core = unlimited\n[global]\nerror_log = syslog\nemergency_restart_interval = 1d\n");
        conf_dump(c, CONF_DUMP_LOADABLE, &dump);
        assert_non_null(strstr(text_peek(&dump), "\n\tpm.max_children = 2\n"));
        assert_non_null(strstr(text_peek(&dump), "\n\tclear_env = yes\n"));
        assert_non_null(strstr(text_peek(&dump), "\n\tphp_admin_value[error_reporting] = "));
        if (conf_load_text("dump", dump.data, dump.n, &options, &back, &problems) != 0)
                fail_msg("%s%s", text_peek(&dump), text_peek(&problems));
        assert_true(conf_pool_equal(&c->pools[0], &back->pools[0]));
        assert_true(conf_global_equal(&c->global, &back->global));
}

static void test_defaults_of_the_table_read_back(void **state) {
        struct conf_pool pool = {};

        for (size_t i = 0; i < _CONF_POOL_MAX; i++) {
                const struct conf_directive *d = &conf_pool_directives[i];

                assert_int_equal(conf_value_init(d, &pool), 0);
                assert_true(conf_value_is_initial(d, &pool));
                assert_int_equal(conf_value_is_set(d, &pool), d->initial != NULL);
                assert_int_equal(conf_directives_find_pool(d->name), i);
        }
        for (size_t i = 0; i < _CONF_POOL_MAX; i++)
                conf_value_clear(&conf_pool_directives[i], &pool);
}

/* Files in a folder of their own. */
struct folder {
        char path[64];
        struct text problems;
        struct conf *conf;
        int r;
};

static void put(const struct folder *f, const char *name, const char *text) {
        char path[128];
        _cleanup_fd_ int fd = -1;

        snprintf(path, sizeof(path), "%s/%s", f->path, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void read_main(struct folder *f) {
        static const struct conf_options options = {};
        char path[128];

        conf_free(f->conf);
        f->conf = NULL;
        text_done(&f->problems);
        snprintf(path, sizeof(path), "%s/main.conf", f->path);
        f->r = conf_load(path, &options, &f->conf, &f->problems);
}

static int set_up(void **state) {
        struct folder *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->path, "/tmp/fpmd-conf-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        static const char *const names[] = { "main.conf", "a.conf", "b.conf", "c.inc" };
        struct folder *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
                unlink(path);
        }
        rmdir(f->path);
        conf_free(f->conf);
        text_done(&f->problems);
        free(f);
        return 0;
}

static void test_includes(void **state) {
        struct folder *f = *state;

        put(f, "main.conf", "[global]\nlog_level = error\ninclude = [ab].conf\nping.path = /b\n");
        put(f, "a.conf", "[a]\nlisten = 1\ninclude=c.inc");
        put(f, "b.conf", "[b]\nlisten = 2\ninclude=c.inc");
        put(f, "c.inc", "pm = static\npm.max_children = 1\nphp_value[x] = $pool\n");
        read_main(f);
        assert_string_equal(text_peek(&f->problems), "");
        assert_int_equal(f->conf->n_pools, 2);
        assert_string_equal(f->conf->pools[0].php_settings[0].value, "a");
        assert_string_equal(f->conf->pools[1].php_settings[0].value, "b");
        assert_null(f->conf->pools[0].ping_path);
        assert_string_equal(f->conf->pools[1].ping_path, "/b"); /* the section stays open behind the include */
        assert_true(text_has_suffix(f->conf->pools[1].where.file, "/b.conf"));
        assert_true(text_has_suffix(f->conf->files[0], "/main.conf"));
        assert_true(text_has_suffix(f->conf->files[4], "/c.inc"));
        assert_null(f->conf->files[5]);
}

static void assert_told(const struct folder *f, const char *what) {
        assert_int_equal(f->r, CONF_E_INVALID);
        if (!strstr(text_peek(&f->problems), what))
                fail_msg("told: %s", text_peek(&f->problems));
}

static void test_includes_that_fail(void **state) {
        struct folder *f = *state;

        read_main(f);
        assert_told(f, "failed to open configuration file '");
        assert_told(f, "/main.conf': No such file or directory (2)\n");
        put(f, "main.conf", "include = /no/such/*.conf\n" BASE);
        read_main(f);
        assert_told(f, "Unable to globalize '/no/such/*.conf': No such file or directory\n");
        put(f, "main.conf", BASE "include = main.conf\n");
        read_main(f);
        assert_told(f, "would be more than 5 includes deep\n");
        put(f, "main.conf", BASE "include = a.conf\n");
        put(f, "a.conf", "x = 1\n");
        read_main(f);
        assert_told(f, "/a.conf:1] unknown entry 'x'");
}

/* As with php-fpm: a warning, and the service runs. */
static void test_an_include_may_match_nothing(void **state) {
        struct folder *f = *state;

        put(f, "main.conf", BASE "include = *.none\ninclude = none.conf\ninclude = /usr\n");
        read_main(f);
        assert_int_equal(f->r, 0);
        assert_non_null(
                strstr(f->conf->notices[0], "WARNING: Nothing matches the include pattern '/usr/*.none' from "));
        assert_true(text_has_suffix(f->conf->notices[0], "/main.conf at line 6."));
        assert_true(text_has_suffix(f->conf->notices[1], "/main.conf at line 7."));
        assert_non_null(strstr(f->conf->notices[2], "/main.conf:8] '/usr' is a folder: nothing is included"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_root_must_name_a_user),
                cmocka_unit_test(test_root_that_is_allowed_need_not),
                cmocka_unit_test(test_acl_names_must_exist),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_values_reach_their_fields),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_idle_timeout_is_ten_seconds_with_ondemand_alone),
                cmocka_unit_test(test_the_last_value_stands),
                cmocka_unit_test(test_php_settings_keep_their_order),
                cmocka_unit_test(test_php_settings_given_twice),
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_start_servers_follow),
                cmocka_unit_test(test_ignored_is_told),
                cmocka_unit_test(test_dump_reads_back),
                cmocka_unit_test(test_defaults_of_the_table_read_back),
                cmocka_unit_test_setup_teardown(test_includes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_includes_that_fail, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_an_include_may_match_nothing, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
