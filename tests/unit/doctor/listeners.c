/* SPDX-License-Identifier: MIT */
/* Who listens where: lines of /proc/net, and which address reaches which listener (tools/ctl/doctor). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "doctor/address.h"
#include "doctor/holders.h"

static const struct {
        const char *says, *listener, *target;
        bool same, here;
} addresses[] = {
        { "a path is itself", "/run/a.sock", "/run/a.sock", true, true },
        { "and no other", "/run/a.sock", "/run/b.sock", false, true },
        { "/var/run is /run", "/run/a.sock", "/var/run/a.sock", true, true },
        { "a bare port is any address", "9000", "127.0.0.1:9000", true, true },
        { "another port is not", "9000", "127.0.0.1:9001", false, true },
        { "localhost is the loopback", "127.0.0.1:9000", "localhost:9000", true, true },
        { "so is ::1", "127.0.0.1:9000", "[::1]:9000", true, true },
        { "the wildcard has all", "0.0.0.0:9000", "10.0.0.1:9000", true, false },
        { "one address has itself", "10.0.0.1:9000", "10.0.0.1:9000", true, false },
        { "and not the loopback", "10.0.0.1:9000", "127.0.0.1:9000", false, true },
        { "a path is no port", "/run/a.sock", "127.0.0.1:9000", false, true },
        { "names are not looked up", "9000", "php:9000", false, false },
};

static void test_addresses(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(addresses); i++)
                if (doctor_address_is_same(addresses[i].listener, addresses[i].target) != addresses[i].same ||
                    doctor_address_is_here(addresses[i].target) != addresses[i].here)
                        fail_msg("%s", addresses[i].says);
}

static void test_lines_of_unix_sockets(void **state) {
        const char *path;
        uint64_t inode;

        assert_true(doctor_listeners_take_unix("ffff: 00000002 00000000 00010000 0001 01 23456 /run/fpmd www.sock",
                                               &inode, &path));
        assert_int_equal(inode, 23456);
        assert_string_equal(path, "/run/fpmd www.sock");
        /* a connection, an abstract name, no name, the heading */
        assert_false(doctor_listeners_take_unix("ffff: 00000003 00000000 00000000 0001 03 23457 /run/a.sock", &inode,
                                                &path));
        assert_false(
                doctor_listeners_take_unix("ffff: 00000002 00000000 00010000 0001 01 23458 @abstract", &inode, &path));
        assert_false(doctor_listeners_take_unix("ffff: 00000002 00000000 00010000 0001 01 23459", &inode, &path));
        assert_false(
                doctor_listeners_take_unix("Num       RefCount Protocol Flags    Type St Inode Path", &inode, &path));
}

static void test_lines_of_tcp_sockets(void **state) {
        struct doctor_listener one;
        char buf[ADDR_TEXT_MAX];

        assert_true(doctor_listeners_take_tcp("   0: 0100007F:2328 00000000:0000 0A 00000000:00000003 00:00000000 "
                                              "00000000     0        0 98765 1 0000000000000000 100 0 0 10 0",
                                              &one));
        assert_string_equal(addr_format(&one.addr, buf), "127.0.0.1:9000");
        assert_int_equal(one.inode, 98765);
        assert_int_equal(one.waiting, 3);
        assert_true(doctor_listeners_take_tcp(
                "   0: 00000000000000000000000001000000:2329 00000000000000000000000000000000:0000 0A "
                "00000000:00000000 00:00000000 00000000     0        0 5 1 0",
                &one));
        assert_string_equal(addr_format(&one.addr, buf), "[::1]:9001");
        assert_false(doctor_listeners_take_tcp("   0: 0100007F:2328 0100007F:1234 01 00000000:00000000 00:00000000 "
                                               "00000000     0        0 98765 1",
                                               &one)); /* a connection */
        assert_false(doctor_listeners_take_tcp("  sl  local_address rem_address   st tx_queue rx_queue", &one));
}

static void test_programs(void **state) {
        assert_int_equal(doctor_holders_kind("php-fpm8.2"), DOCTOR_HOLDER_PHP_FPM);
        assert_int_equal(doctor_holders_kind("fpmd"), DOCTOR_HOLDER_FPMD);
        assert_int_equal(doctor_holders_kind("fpmd-zygote"), DOCTOR_HOLDER_FPMD);
        assert_int_equal(doctor_holders_kind("systemd"), DOCTOR_HOLDER_OTHER);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_lines_of_unix_sockets),
                cmocka_unit_test(test_lines_of_tcp_sockets),
                cmocka_unit_test(test_programs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
