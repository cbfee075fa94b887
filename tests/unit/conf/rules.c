/* SPDX-License-Identifier: MIT */
/* Rules across directives, and what is asked of the machine. */

#include "conf/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/load.h"
#include "given.h"

static const struct given_row rows[] = {
        { "an empty file", "!",
          "[x] directive 'include': no pool is defined: at least one [section] is needed, here or in what is "
          "included\n" },
        { "a pool needs all three", "![a]\n",
          "[x:1] directive 'listen': pool 'a' has no address to listen on\n"
          "[x:1] directive 'pm': pool 'a' has none\n"
          "[x:1] directive 'pm.max_children': pool 'a' could have no worker\n" },
        { "no children", "pm.max_children = 0\n",
          "[x:6] directive 'pm.max_children': pool 'www' could have no worker\n" },
        { "a known event mechanism", "[global]\nevents.mechanism = Select\n", "" },
        { "an event mechanism of another system", "[global]\nevents.mechanism = kqueue\n",
          "[x:7] directive 'events.mechanism': event mechanism 'kqueue' is not available on this system\n" },
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
        { "a unix socket that defers", "listen.defer_accept = 2s\n",
          "[x:6] directive 'listen.defer_accept': connections of a unix socket cannot be deferred; it is for TCP\n" },
        { "one that has the default", "listen.defer_accept = 1s\n", "" },
        { "one that does not", "listen.defer_accept = 0\n", "" },
        { "one whose status address does", "pm.status_listen = 9001\nlisten.defer_accept = 2s\n", "" },
        { "TCP that defers", "listen = 9000\nlisten.defer_accept = 5m\n", "" },
        { "as many shards as there are CPUs", "listen = 9000\nlisten.shards = auto\n", "" },
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
        { "users of a TCP address", "listen.peer_users = root\nlisten = 127.0.0.1:1\n",
          "[x:6] directive 'listen.peer_users': '127.0.0.1:1' is for TCP, where a client has an address and no user: "
          "it "
          "is for unix sockets (listen.allowed_clients is for TCP)\n" },
        { "users by name and by number", "listen.peer_users = root, 33 bin\n", "" },
        { "a user that is not there", "listen.peer_users = root,nosuchuser\n",
          "[x:6] directive 'listen.peer_users': there is no user 'nosuchuser'\n" },
        { "no users", "listen.peer_users =\n", "[x:6] directive 'listen.peer_users': it names nobody\n" },
        { "the user whom others look like", "listen.peer_users = 65534\n",
          "[x:6] directive 'listen.peer_users': '65534' cannot be told from any user of another user namespace\n" },
        { "folders of scripts", "security.exec_basedir[] = /usr\nsecurity.exec_basedir[] = /etc\n", "" },
        { "folders of scripts inside the chroot", "chroot = /usr\nsecurity.exec_basedir[] = /bin\n", "" },
        { "a folder of scripts that is not there",
          "security.exec_basedir[] = /usr\nsecurity.exec_basedir[] = /no/such\n",
          "[x:7] directive 'security.exec_basedir': '/no/such': No such file or directory\n" },
        { "requests before clients'", "worker.script = /a.php\nworker.warmup[] = /a\n", "" },
        { "one of another script than the pool's", "worker.script = /a.php\nworker.warmup[/b.php] = /a\n",
          "[x:7] directive 'worker.warmup': the script is worker.script's: write worker.warmup[] = /a\n" },
        { "one of no script", "worker.warmup[/b.php] = /b\nworker.warmup[] = /a\n",
          "[x:7] directive 'worker.warmup': without worker.script it needs one: write worker.warmup[/SCRIPT] = /a\n" },
        { "files within reach",
          "security.landlock = yes\nsecurity.read_path[] = /usr\nsecurity.read_path[] = /etc/passwd\n"
          "security.write_path[] = /tmp\n",
          "" },
        { "files within reach of who has said no", "security.landlock = no\nsecurity.read_path[] = /usr\n", "" },
        { "files within reach and nothing that asks for it",
          "security.read_path[] = /usr\nsecurity.write_path[] = /tmp\n",
          "[x:6] directive 'security.read_path': it needs 'security.landlock'\n"
          "[x:7] directive 'security.write_path': it needs 'security.landlock'\n" },
        { "files within reach that are not there",
          "security.landlock = strict\nsecurity.read_path[] = /no/such\nsecurity.write_path[] = /no/more\n",
          "[x:7] directive 'security.read_path': '/no/such': No such file or directory\n"
          "[x:8] directive 'security.write_path': '/no/more': No such file or directory\n" },
        { "files within reach inside the chroot",
          "chroot = /usr\nsecurity.landlock = yes\nsecurity.read_path[] = /bin\nsecurity.read_path[] = /etc/passwd\n",
          "[x:9] directive 'security.read_path': '/usr/etc/passwd': No such file or directory\n" },
        { "an access log", "access.log = /tmp/$pool.log\naccess.format = '%R %{milli}d %{Content-Type}o'\n", "" },
        { "an access format that nothing uses", "access.format = %z\n", "" },
        { "an access log in the journal", "access.log = journal\n", "" },
        { "an access log as php-fpm's error log names the journal", "access.log = syslog\n", "" },
        { "an access log in a folder that is not there", "access.log = /nowhere/a.log\n",
          "[x:6] directive 'access.log': it cannot be opened\n" },
        { "an access log that is a folder", "access.log = /tmp\n",
          "[x:6] directive 'access.log': it cannot be opened\n" },
        { "an access format of an unknown code", "access.format = %z\naccess.log = journal\n",
          "[x:6] directive 'access.format': Invalid token in the access.format (%z)\n" },
};

static void test_problems(void **state) {
        given_check(rows, ELEMENTSOF(rows));
}

static void test_root_must_name_a_user(void **state) {
        static const struct conf_options options = { .running_as_root = true };
        static const char *const bad[] = { "user = root\n",  "user = 0\n",  "user =\n",
                                           "group = root\n", "group = 0\n", "user = 4000000000\n" };
        _cleanup_conf_ struct conf *c = NULL;
        _cleanup_text_ struct text none = {};

        assert_int_equal(given_load("", &options, &c, &none), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_text_ struct text problems = {};
                struct conf *d;

                assert_int_equal(given_load(bad[i], &options, &d, &problems), CONF_E_INVALID);
                assert_non_null(strstr(text_peek(&problems), "please specify user and group other than root"));
        }
}

static void test_a_number_of_nobodys_takes_a_group(void **state) {
        static const struct conf_options options = { .running_as_root = true };
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *c = NULL;

        assert_int_equal(given_load("user = 4000000000\ngroup = 4000000001\n", &options, &c, &problems), 0);
}

static void test_root_that_is_allowed_need_not(void **state) {
        static const struct conf_options options = { .running_as_root = true, .allow_root = true };
        static const char *const good[] = { "user = root\n", "user =\n", "group = 0\n", "user = 4000000000\n" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_conf_ struct conf *c = NULL;
                _cleanup_text_ struct text problems = {};

                assert_int_equal(given_load(good[i], &options, &c, &problems), 0);
        }
}

/* Which names must exist: those that act at a start, all of them in a test. A socket's are looked up by who binds it.
 */
static const struct {
        const char *text;
        bool user, root, test; /* refused at a start without root, with root, in a test without root */
} names[] = {
        { "user = no-such-user\n", false, true, true },
        { "group = no-such-group\n", false, true, true },
        { "listen.owner = no-such-user\n", false, false, true },
        { "listen.group = no-such-group\n", false, false, true },
        { "listen.acl_users = root,no-such-user\n", false, false, true },
        { "listen.acl_groups = no-such-group\n", false, false, true },
        { "listen = 9000\nlisten.owner = no-such-user\n", false, false, true },
        { "listen = 9000\nlisten.acl_users = no-such-user\n", false, false, false },
        { "listen.acl_users = root, daemon\nlisten.acl_groups = root\n", false, false, false },
        { "listen.acl_users = root, 4711\n", false, false, true }, /* a name of digits, which nobody has */
        { "listen.acl_groups = 0\n", false, false, true },
};

static void assert_named(const char *text, const struct conf_options *options, bool refused) {
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *c = NULL;
        int r = given_load(text, options, &c, &problems);

        if (r != (refused ? CONF_E_INVALID : 0))
                fail_msg("%s: %d, %s", text, r, text_peek(&problems));
        if (refused) {
                assert_non_null(strstr(text_peek(&problems), ": there is no "));
                assert_null(strstr(text_peek(&problems), "failed to post process"));
        }
}

static void test_names_must_exist_where_they_act(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_named(names[i].text, &(struct conf_options){}, names[i].user);
                assert_named(names[i].text, &(struct conf_options){ .running_as_root = true }, names[i].root);
                assert_named(names[i].text, &(struct conf_options){ .testing = true }, names[i].test);
                assert_named(names[i].text, &(struct conf_options){ .testing = true, .keeps_user = true },
                             names[i].test && !names[i].root);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_root_must_name_a_user),
                cmocka_unit_test(test_a_number_of_nobodys_takes_a_group),
                cmocka_unit_test(test_root_that_is_allowed_need_not),
                cmocka_unit_test(test_names_must_exist_where_they_act),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
