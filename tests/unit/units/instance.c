/* SPDX-License-Identifier: MIT */
/* What becomes of a pool's file: sentences, each a pool and the lines that its units have or have not. */

#include "units/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/load.h"

#define PM  "pm = static\npm.max_children = 1\n"
#define OWN "user = shop\n"

struct row {
        const char *sentence;
        const char *pool; /* below [shop] */
        int r;
        const char *has[3]; /* lines of the two texts */
        const char *lacks;  /* no part of them */
        const char *remark; /* part of the remarks; NULL: there are none */
};

static const struct row rows[] = {
        { "the user has a group of his own",
          "user = shop\nlisten = /run/a.sock\n" PM,
          0,
          { "User=shop\nGroup=\n", "ListenStream=\nListenStream=/run/a.sock\n", "SourcePath=/etc/x.conf\n" },
          "--refuse",
          NULL },
        { "a group that is named",
          "user = shop\ngroup = www\nlisten = /run/a.sock\n" PM,
          0,
          { "User=shop\nGroup=www\n", "--pool shop\n" },
          NULL,
          NULL },
        { "no user: the template's",
          "listen = /run/a.sock\n" PM,
          0,
          { "ListenStream=/run/a.sock\n" },
          "User=",
          "[/etc/x.conf:1] directive 'user': it is not set" },
        { "who may connect",
          OWN "listen = /run/a.sock\nlisten.owner = w\nlisten.group = g\nlisten.mode = 0600\n" PM,
          0,
          { "SocketUser=w\nSocketGroup=g\nSocketMode=0600\n" },
          NULL,
          NULL },
        { "the owner's group",
          OWN "listen = /run/a.sock\nlisten.owner = w\n" PM,
          0,
          { "SocketUser=w\nSocketGroup=\nSocketMode=0660\n" },
          NULL,
          NULL },
        { "an ACL",
          OWN "listen = /run/a.sock\nlisten.acl_users = w,d\nlisten.acl_groups = g\n" PM,
          0,
          { "ExecStartPost=setfacl -m u:w:rw,u:d:rw,g:g:rw,g::- /run/a.sock\n" },
          "SocketUser",
          NULL },
        { "an ACL in a folder that may be the user's",
          OWN "listen = /run/shop/a.sock\nlisten.acl_users = w\n" PM,
          0,
          { "ExecStartPost=setfacl -m u:w:rw,g::- /run/shop/a.sock\n" },
          NULL,
          "[/etc/x.conf:3] directive 'listen': setfacl(1) sets its ACL as root" },
        { "shards of TCP",
          OWN "listen = 127.0.0.1:9000\nlisten.shards = 2\nlisten.backlog = 99\n" PM,
          0,
          { "ListenStream=127.0.0.1:9000\nListenStream=127.0.0.1:9000\nReusePort=yes\nDeferAcceptSec=1\nBacklog=99\n" },
          "SocketMode",
          NULL },
        { "one queue, not deferred",
          OWN "listen = [::1]:9000\nlisten.shards = 1\nlisten.defer_accept = 0\n" PM,
          0,
          { "ListenStream=\nListenStream=[::1]:9000\n" },
          "ReusePort",
          NULL },
        { "an address of IPv6 without brackets",
          OWN "listen = ::1:9000\nlisten.shards = 1\n" PM,
          0,
          { "ListenStream=[::1]:9000\n" },
          NULL,
          NULL },
        { "localhost is a number",
          OWN "listen = localhost:9000\nlisten.shards = 1\n" PM,
          0,
          { "ListenStream=127.0.0.1:9000\n" },
          NULL,
          "[/etc/x.conf:3] directive 'listen': localhost is 127.0.0.1" },
        { "another host's name is none",
          OWN "listen = db.example:9000\n" PM,
          INSTANCE_E_REFUSED,
          { "fpmd --refuse \"[/etc/x.conf:" },
          "ListenStream",
          "[/etc/x.conf:3] directive 'listen': a socket unit takes an address" },
        { "the template's own socket", OWN "listen = systemd\n" PM, 0, { "User=shop\n" }, "[Socket]", NULL },
        { "the socket of fpmd.socket",
          OWN "listen = /run/fpmd-www.sock\n" PM,
          0,
          { "Conflicts=fpmd.socket\nAfter=fpmd.socket\n\n[Socket]\nListenStream=\nListenStream=/run/fpmd-www.sock\n" },
          NULL,
          NULL },
        { "specifiers are not expanded",
          OWN "listen = /run/%i$x.sock\n" PM,
          0,
          { "ListenStream=/run/%%i$x.sock\n" },
          NULL,
          NULL },
        { "a backslash would continue the line",
          OWN "listen = '/run/a\\'\n" PM,
          INSTANCE_E_REFUSED,
          { "fpmd --refuse \"[/etc/x.conf:" },
          "ListenStream",
          "a unit cannot hold it" },
        { "root by name",
          "user = root\nlisten = /run/a.sock\n" PM,
          INSTANCE_E_REFUSED,
          { "fpmd --refuse \"[/etc/x.conf:", "ListenStream=/run/a.sock\n" },
          "User=",
          "[/etc/x.conf:2] directive 'user': PHP does not run as root" },
        { "root by number",
          "user = 00\nlisten = /run/a.sock\n" PM,
          INSTANCE_E_REFUSED,
          { "fpmd --refuse \"[/etc/x.conf:" },
          "User=00",
          "PHP does not run as root" },
        { "root's group",
          "user = shop\ngroup = 0\nlisten = /run/a.sock\n" PM,
          INSTANCE_E_REFUSED,
          { "fpmd --refuse \"[/etc/x.conf:" },
          "Group=0",
          "[/etc/x.conf:3] directive 'group': PHP does not run as root" },
        { "priority, files, chroot",
          OWN "listen = /run/a.sock\nprocess.priority = -5\nrlimit_files = 999999\nchroot = /srv\n" PM,
          0,
          { "Nice=-5\nSystemCallFilter=setpriority\nLimitNOFILE=999999\n",
            "AmbientCapabilities=CAP_SYS_CHROOT\nSystemCallFilter=chroot capset\n" },
          NULL,
          NULL },
        { "the least priority",
          OWN "listen = /run/a.sock\nprocess.priority = 20\nrlimit_files = 1024\n" PM,
          0,
          { "Nice=19\n" },
          "LimitNOFILE",
          NULL },
        { "an idle one ends",
          OWN "listen = /run/a.sock\npm = ondemand\npm.max_children = 1\n",
          0,
          { "--pool shop --exit-idle-time 60000ms\n" },
          NULL,
          NULL },
        { "one with workers that wait does not",
          OWN "listen = /run/a.sock\n" PM,
          0,
          { "--pool shop\n" },
          "exit-idle",
          NULL },
        { "an access log of its own",
          OWN "listen = /run/a.sock\naccess.log = /var/log/fpmd/$pool/access.log\n" PM,
          0,
          {},
          NULL,
          NULL },
        { "an access log elsewhere",
          OWN "listen = /run/a.sock\naccess.log = /var/log/fpmd/$pool/../x\n" PM,
          0,
          {},
          NULL,
          "[/etc/x.conf:4] directive 'access.log': the unit's user opens it" },
        { "a status socket of its own",
          OWN "listen = /run/a.sock\npm.status_listen = /run/fpmd-shop/status\n" PM,
          0,
          {},
          NULL,
          NULL },
        { "a status socket elsewhere",
          OWN "listen = /run/a.sock\npm.status_listen = /run/x\n" PM,
          0,
          {},
          NULL,
          "[/etc/x.conf:4] directive 'pm.status_listen': the unit's user makes the socket" },
        { "a default of a variable",
          OWN "listen = /run/${FPMD_TEST:-a}.sock\n" PM,
          0,
          { "ListenStream=/run/a.sock\n" },
          "mine",
          "[/etc/x.conf:3] directive 'listen': its ${NAME} has its default in the unit" },
        { "an address that is not known",
          OWN "listen = /run/a${FPMD_TEST}.sock\n" PM,
          INSTANCE_E_REFUSED,
          { "--refuse \"[/etc/x.conf:3] directive 'listen': its $${NAME} is not known where the unit is made" },
          "/run/a",
          "[/etc/x.conf:3] directive 'listen': its ${NAME} is not known where the unit is made" },
        { "a user who is not known, at a socket that is",
          "user = ${FPMD_TEST}\nlisten = /run/a.sock\n" PM,
          INSTANCE_E_REFUSED,
          { "ListenStream=/run/a.sock\n", "--refuse \"[/etc/x.conf:2] directive 'user'" },
          "mine",
          "[/etc/x.conf:2] directive 'user': its ${NAME} is not known" },
        { "what is no unit's may be any variable",
          OWN "listen = /run/a.sock\naccess.format = \"%R ${FPMD_TEST}\"\nenv[A] = ${FPMD_TEST}x\n" PM,
          0,
          { "--pool shop\n" },
          "mine",
          NULL },
        { "a hat", OWN "listen = /run/a.sock\napparmor_hat = h\n" PM, 0, {}, NULL, "AppArmorProfile=" },
};

static bool has(const struct instance_texts *t, const char *part) {
        return strstr(text_peek(&t->service), part) || strstr(text_peek(&t->socket), part);
}

static bool is_as_said(const struct row *row, const struct instance_texts *t, int r) {
        for (size_t i = 0; i < ELEMENTSOF(row->has) && row->has[i]; i++)
                if (!has(t, row->has[i]))
                        return false;
        if (r != row->r || (row->lacks && has(t, row->lacks)))
                return false;
        return row->remark ? strstr(text_peek(&t->remarks), row->remark) != NULL : t->remarks.n == 0;
}

static void test_units_of_a_pool(void **state) {
        static const struct conf_options options = { .text_only = true, .no_environment = true };
        bool good = true;

        setenv("FPMD_TEST", "mine", 1); /* of whoever makes the unit: not the service's */

        for (const struct row *row = rows; row < rows + ELEMENTSOF(rows); row++) {
                _cleanup_instance_texts_ struct instance_texts texts = {};
                _cleanup_text_ struct text file = {}, problems = {};
                _cleanup_conf_ struct conf *conf = NULL;
                int r;

                text_printf(&file, "[shop]\n%s", row->pool);
                assert_int_equal(conf_load_text("/etc/x.conf", file.data, file.n, &options, &conf, &problems), 0);
                r = instance_describe(&(struct instance){ .file = "/etc/x.conf",
                                                          .pool = &conf->pools[0],
                                                          .exit_idle = 60 * USEC_PER_SEC },
                                      &texts);
                if (is_as_said(row, &texts, r))
                        continue;
                good = false;
                print_error("%s: %d\n%s%s%s\n", row->sentence, r, text_peek(&texts.service), text_peek(&texts.socket),
                            text_peek(&texts.remarks));
        }
        assert_true(good);
}

static void check_dynamic(const char *name, const char *text, const char *has_line, const char *lacks) {
        static const struct conf_options options = { .text_only = true, .no_environment = true };
        _cleanup_instance_texts_ struct instance_texts texts = {};
        _cleanup_text_ struct text file = {}, problems = {};
        _cleanup_conf_ struct conf *conf = NULL;

        text_printf(&file, "[%s]\nlisten = /run/a.sock\n%s" PM, name, text);
        assert_int_equal(conf_load_text("/etc/x.conf", file.data, file.n, &options, &conf, &problems), 0);
        assert_int_equal(
                instance_describe(
                        &(struct instance){ .file = "/etc/x.conf", .pool = &conf->pools[0], .dynamic_users = true },
                        &texts),
                0);
        if (!has(&texts, has_line) || (lacks && has(&texts, lacks)))
                fail_msg("%s: %s%s", name, text_peek(&texts.service), text_peek(&texts.remarks));
        assert_int_equal(texts.remarks.n, strstr(text, "group") ? texts.remarks.n : 0);
}

static void test_a_user_for_the_time(void **state) {
        check_dynamic("shop", "",
                      "DynamicUser=yes\nUser=fpmd-shop\nGroup=\nInaccessiblePaths=-/var/lib/php/sessions\nExecStart=\n",
                      NULL);
        check_dynamic("shop", "",
                      "/fpmd -y /etc/x.conf --pool shop -d session.save_path=/var/lib/fpmd/shop -d "
                      "session.gc_probability=1\n",
                      NULL);
        check_dynamic("ABCdefghijklmnopqrstuvw_-9", "", "User=fpmd-ABCdefghijklmnopqrstuvw_-9\n", NULL); /* 31 bytes */
        check_dynamic("ABCdefghijklmnopqrstuvw_-90", "", "User=fpmd_", "User=fpmd-");
        check_dynamic("a", "user = shop\n", "User=shop\nGroup=\n", "DynamicUser");
        check_dynamic("a", "group = shop\n", "Group=shop\n", "DynamicUser");
        /* The sum of the name by FNV-1a, 64 bits. */
        check_dynamic("www.example.org", "", "User=fpmd_123dddb8f063a358\n", NULL);
}

/* fpmd.socket gives way, whichever way the file says it. */
static void test_the_address_of_fpmd_socket(void **state) {
        static const struct {
                const char *text;
                bool is;
        } places[] = { { "[www]\nlisten = systemd\n" PM, true },
                       { "[www]\nlisten = /run/a.sock\n" PM, false },
                       { "[a]\nlisten = /run/fpmd-www.sock\n" PM, true },
                       { "[a]\nlisten = systemd\n" PM, false } };
        static const struct conf_options options = { .text_only = true, .no_environment = true };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_instance_texts_ struct instance_texts texts = {};
                _cleanup_text_ struct text problems = {};
                _cleanup_conf_ struct conf *conf = NULL;
                struct instance instance = { .file = "/etc/x.conf" };

                assert_int_equal(conf_load_text("/etc/x.conf", places[i].text, strlen(places[i].text), &options, &conf,
                                                &problems),
                                 0);
                instance.pool = &conf->pools[0];
                assert_int_equal(instance_describe(&instance, &texts), 0);
                assert_int_equal(instance_has_main_socket(instance.pool), places[i].is);
                assert_int_equal(strstr(text_peek(&texts.socket), "Conflicts=fpmd.socket\nAfter=fpmd.socket\n") != NULL,
                                 places[i].is);
        }
}

static void test_names(void **state) {
        assert_null(instance_name_error("shop"));
        assert_null(instance_name_error("www.shop-1.example_"));
        assert_non_null(instance_name_error(""));
        assert_non_null(instance_name_error(".."));
        assert_non_null(instance_name_error("a/b"));
        assert_non_null(instance_name_error("a b"));
        assert_non_null(instance_name_error("a%b"));
        assert_non_null(instance_name_error("a@b"));
        assert_non_null(instance_name_error("0123456789012345678901234567890123456789012345678901234567890123"));
}

static void test_a_broken_file_has_its_problems_as_comments(void **state) {
        struct conf_pool pool = { .name = (char[]){ "shop" } };
        _cleanup_instance_texts_ struct instance_texts texts = {};

        assert_int_equal(instance_describe(&(struct instance){ .file = "/etc/a \"b\" 5%$.conf",
                                                               .pool = &pool,
                                                               .problems = "one\nt\twoo\x1b 5%$ \"b\"\\\n" },
                                           &texts),
                         INSTANCE_E_REFUSED);
        assert_true(has(&texts, "\n# one\n# t\\twoo\\x1b 5%$ \"b\"\\\n\n[Unit]\n") ||
                    has(&texts, "\n# one\n# t\\x09woo\\x1b 5%$ \"b\"\\\n\n[Unit]\n"));
        assert_true(has(&texts, "SourcePath=/etc/a \"b\" 5%%$.conf\n"));
        assert_true(has(&texts, "fpmd --refuse one --refuse \"t\\\\twoo\\\\x1b 5%%$$ \\\"b\\\"\\\\\"\n") ||
                    has(&texts, "fpmd --refuse one --refuse \"t\\\\x09woo\\\\x1b 5%%$$ \\\"b\\\"\\\\\"\n"));
        assert_string_equal(text_peek(&texts.remarks), "one\nt\twoo\x1b 5%$ \"b\"\\\n");
        assert_int_equal(texts.socket.n, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_units_of_a_pool),
                cmocka_unit_test(test_a_user_for_the_time),
                cmocka_unit_test(test_the_address_of_fpmd_socket),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_a_broken_file_has_its_problems_as_comments),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
