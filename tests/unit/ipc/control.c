/* SPDX-License-Identifier: MIT */
/* Control messages: what goes in comes out, and no packet harms its reader. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/control.h"

static char main_file[] = "/etc/fpmd/fpmd.conf", pool_file[] = "/etc/fpmd/pool.d/www.conf", no_file[] = "";
static char *files[] = { main_file, pool_file, no_file };

static const struct ipc_control_message service = {
        .type = IPC_CONTROL_SERVICE,
        .service = { .version = "0.1.0",
                     .master_pid = 1234,
                     .state = IPC_CONTROL_STATE_RELOADING,
                     .uptime = UINT64_MAX,
                     .config_path = "/etc/fpmd/fpmd.conf",
                     .reload_outcome = IPC_CONTROL_OUTCOME_REFUSED,
                     .reload_text = "pool www: line\nbreak",
                     .reload_wall = 1,
                     .reload_progress = "1 of 40 pools renewed",
                     .config_files = { .items = files, .n = ELEMENTSOF(files) } },
};

static const struct ipc_control_message pool = {
        .type = IPC_CONTROL_POOL,
        .pool = { .name = "www",
                  .park_pid = 77,
                  .ready = 1,
                  .health = "ready: 1 of 5 workers busy, 0 connections wait",
                  .scoreboard_fd = -1,
                  .listen = { .items = files, .n = 2 },
                  .generations = { { .number = 2,
                                     .zygote_pid = 10,
                                     .life = IPC_CONTROL_LIFE_ACCEPTING,
                                     .n_workers = 5,
                                     .php_version = "8.2.28",
                                     .ini_files = "/a, /b",
                                     .remarks = "[/a:1] one\n[/b:2] two\n" },
                                   { .number = 1, .zygote_pid = 9, .life = IPC_CONTROL_LIFE_DRAINING } },
                  .n_generations = 2 },
};

static void round_trip(const struct ipc_control_message *in, struct ipc_control_message *ret) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t n;

        assert_int_equal(ipc_control_encode(in, &data, &n), 0);
        assert_int_equal(ipc_control_decode(data, n, ret), 0);
        assert_int_equal(ret->type, in->type);
}

static void test_service(void **state) {
        _cleanup_control_message_ struct ipc_control_message m = {};

        round_trip(&service, &m);
        assert_string_equal(m.service.version, "0.1.0");
        assert_int_equal(m.service.master_pid, 1234);
        assert_int_equal(m.service.state, IPC_CONTROL_STATE_RELOADING);
        assert_true(m.service.uptime == UINT64_MAX);
        assert_string_equal(m.service.config_path, "/etc/fpmd/fpmd.conf");
        assert_int_equal(m.service.reload_outcome, IPC_CONTROL_OUTCOME_REFUSED);
        assert_string_equal(m.service.reload_text, "pool www: line\nbreak");
        assert_int_equal(m.service.reload_wall, 1);
        assert_string_equal(m.service.reload_progress, "1 of 40 pools renewed");
        assert_int_equal(m.service.config_files.n, 3);
        assert_int_equal(m.service.config_files.n_left_out, 0);
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(m.service.config_files.items[i], files[i]);
}

static void test_pool(void **state) {
        _cleanup_control_message_ struct ipc_control_message m = {};

        round_trip(&pool, &m);
        assert_string_equal(m.pool.name, "www");
        assert_int_equal(m.pool.park_pid, 77);
        assert_int_equal(m.pool.scoreboard_fd, -1);
        assert_int_equal(m.pool.listen.n, 2);
        assert_string_equal(m.pool.listen.items[1], files[1]);
        assert_int_equal(m.pool.n_generations, 2);
        assert_int_equal(m.pool.generations[0].number, 2);
        assert_int_equal(m.pool.generations[0].zygote_pid, 10);
        assert_int_equal(m.pool.generations[0].life, IPC_CONTROL_LIFE_ACCEPTING);
        assert_int_equal(m.pool.generations[0].n_workers, 5);
        assert_string_equal(m.pool.generations[0].php_version, "8.2.28");
        assert_int_equal(m.pool.ready, 1);
        assert_string_equal(m.pool.health, pool.pool.health);
        assert_string_equal(m.pool.generations[0].ini_files, "/a, /b");
        assert_string_equal(m.pool.generations[0].remarks, "[/a:1] one\n[/b:2] two\n");
        assert_int_equal(m.pool.generations[1].number, 1);
        assert_int_equal(m.pool.generations[1].life, IPC_CONTROL_LIFE_DRAINING);
        assert_string_equal(m.pool.generations[1].php_version, "");
}

static void test_requests_and_results(void **state) {
        struct ipc_control_message in = { .type = IPC_CONTROL_RELOAD };
        _cleanup_control_message_ struct ipc_control_message all = {}, some = {}, status = {}, refused = {}, bare = {};
        _cleanup_control_message_ struct ipc_control_message drain = {}, undrain = {}, leaks = {};

        round_trip(&in, &all);
        assert_int_equal(all.request.pools.n, 0);
        assert_false(all.request.changed);
        in.request.changed = true;
        in.request.pools = (struct ipc_control_list){ .items = files, .n = 2 };
        round_trip(&in, &some);
        assert_int_equal(some.request.pools.n, 2);
        assert_true(some.request.changed);
        assert_string_equal(some.request.pools.items[0], main_file);
        assert_string_equal(some.request.pools.items[1], pool_file);
        in.type = IPC_CONTROL_DRAIN;
        round_trip(&in, &drain);
        assert_string_equal(drain.request.pools.items[1], pool_file);
        in.type = IPC_CONTROL_UNDRAIN;
        round_trip(&in, &undrain);
        assert_int_equal(undrain.request.pools.n, 2);
        in.type = IPC_CONTROL_LEAKS;
        in.request.requests = 7;
        round_trip(&in, &leaks);
        assert_int_equal(leaks.request.requests, 7);
        round_trip(&(struct ipc_control_message){ .type = IPC_CONTROL_STATUS }, &status);
        round_trip(&(struct ipc_control_message){ .type = IPC_CONTROL_REFUSED, .result.text = "no" }, &refused);
        assert_string_equal(refused.result.text, "no");
        round_trip(&(struct ipc_control_message){ .type = IPC_CONTROL_DONE }, &bare);
        assert_string_equal(bare.result.text, "");
}

static void test_long_texts_are_cut(void **state) {
        _cleanup_free_ char *text = malloc(1024 * 1024 + 1);
        _cleanup_control_message_ struct ipc_control_message m = {};

        memset(text, 'x', 1024 * 1024);
        text[1024 * 1024] = '\0';
        round_trip(&(struct ipc_control_message){ .type = IPC_CONTROL_REFUSED, .result.text = text }, &m);
        assert_int_equal(strlen(m.result.text), IPC_CONTROL_TEXT_MAX - 1);
}

static void test_long_lists_are_cut(void **state) {
        enum { N = 100000 };
        _cleanup_free_ char **items = calloc(N, sizeof(*items));
        _cleanup_control_message_ struct ipc_control_message m = {};
        struct ipc_control_message in = service;

        for (size_t i = 0; i < N; i++)
                items[i] = files[0];
        in.service.config_files = (struct ipc_control_list){ .items = items, .n = N };
        round_trip(&in, &m);
        assert_true(m.service.config_files.n > 1000);
        assert_int_equal(m.service.config_files.n + m.service.config_files.n_left_out, N);
        assert_string_equal(m.service.reload_text, service.service.reload_text);
}

static void test_encode_refuses(void **state) {
        struct ipc_control_message m = pool;
        uint8_t *data = NULL;
        size_t n;

        m.pool.n_generations = IPC_CONTROL_GENERATIONS_MAX + 1;
        assert_int_equal(ipc_control_encode(&m, &data, &n), -EINVAL);
        m.type = (enum ipc_control_type)99;
        assert_int_equal(ipc_control_encode(&m, &data, &n), -EINVAL);
        assert_null(data);
}

#define HEAD(version, type) 'O', 'C', 'T', 'L', version, 0, type, 0
#define FIELD(tag, n)       tag, 0, n, 0, 0, 0

static const struct {
        const char *says;
        size_t n;
        uint8_t bytes[40];
        int r;
} packets[] = {
        { "nothing", 0, {}, -EPROTO },
        { "less than a header", 7, { HEAD(1, 1) }, -EPROTO },
        { "somebody else's", 8, { 'H', 'T', 'T', 'P' }, -EPROTO },
        { "a header alone", 8, { HEAD(1, 1) }, 0 },
        { "another version", 8, { HEAD(2, 1) }, -EPROTONOSUPPORT },
        { "no such type", 8, { HEAD(1, 6) }, -EPROTO },
        { "a field cut in its head", 13, { HEAD(1, 2), FIELD(1, 0) }, -EPROTO },
        { "a field longer than the packet", 16, { HEAD(1, 2), FIELD(1, 3), 'a', 0 }, -EPROTO },
        { "a text", 16, { HEAD(1, 2), FIELD(1, 2), 'a', 0 }, 0 },
        { "a text without its NUL", 16, { HEAD(1, 2), FIELD(1, 2), 'a', 'b' }, -EPROTO },
        { "a text with a NUL inside", 17, { HEAD(1, 2), FIELD(1, 3), 'a', 0, 0 }, -EPROTO },
        { "a text of no bytes", 14, { HEAD(1, 2), FIELD(1, 0) }, -EPROTO },
        { "a number of four bytes", 18, { HEAD(1, 16), FIELD(2, 4), 1, 0, 0, 0 }, -EPROTO },
        { "a field of the future", 16, { HEAD(1, 2), FIELD(99, 2), 1, 2 }, 0 },
        { "a count of what is left out", 22, { HEAD(1, 2), 1, 0x80, 8, 0, 0, 0, 1 }, 0 },
        { "a short count of what is left out", 15, { HEAD(1, 2), 1, 0x80, 1, 0, 0, 0, 1 }, -EPROTO },
        { "a text with something left out", 22, { HEAD(1, 16), 1, 0x80, 8, 0, 0, 0, 1 }, -EPROTO },
        { "a generation's field before any generation", 22, { HEAD(1, 17), FIELD(33, 8) }, -EPROTO },
        { "a generation", 22, { HEAD(1, 17), FIELD(32, 8), 1 }, 0 },
};

static void test_packets(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(packets); i++) {
                _cleanup_control_message_ struct ipc_control_message m = {};
                int r = ipc_control_decode(packets[i].bytes, packets[i].n, &m);

                if (r != packets[i].r)
                        fail_msg("%s: %d", packets[i].says, r);
        }
}

static void test_too_many_generations(void **state) {
        static const uint8_t head[] = { HEAD(1, 17) }, field[] = { FIELD(32, 8), 1, 0, 0, 0, 0, 0, 0, 0 };
        uint8_t bytes[sizeof(head) + sizeof(field) * (IPC_CONTROL_GENERATIONS_MAX + 1)];
        _cleanup_control_message_ struct ipc_control_message m = {};

        memcpy(bytes, head, sizeof(head));
        for (size_t i = 0; i <= IPC_CONTROL_GENERATIONS_MAX; i++)
                memcpy(bytes + sizeof(head) + i * sizeof(field), field, sizeof(field));
        assert_int_equal(ipc_control_decode(bytes, sizeof(bytes), &m), -EPROTO);
        assert_int_equal(ipc_control_decode(bytes, sizeof(bytes) - sizeof(field), &m), 0);
        assert_int_equal(m.pool.n_generations, IPC_CONTROL_GENERATIONS_MAX);
}

/* Every byte of a packet set to every value, and every cut: decoded or refused, with clean memory either way. */
static void mutate(const struct ipc_control_message *in) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t n;

        assert_int_equal(ipc_control_encode(in, &data, &n), 0);
        for (size_t i = 0; i < n; i++) {
                const uint8_t original = data[i];

                for (unsigned v = 0; v < 256; v++) {
                        _cleanup_control_message_ struct ipc_control_message m = {};

                        data[i] = (uint8_t)v;
                        assert_true(ipc_control_decode(data, n, &m) <= 0);
                }
                data[i] = original;
        }
        for (size_t k = 0; k < n; k++) {
                _cleanup_control_message_ struct ipc_control_message m = {};
                _cleanup_free_ uint8_t *copy = malloc(k + 1); /* its end is the sanitizer's border */

                memcpy(copy, data, k);
                assert_true(ipc_control_decode(copy, k, &m) <= 0);
        }
}

static void test_mutations(void **state) {
        mutate(&service);
        mutate(&pool);
}

static void test_names(void **state) {
        assert_string_equal(ipc_control_type_name(IPC_CONTROL_REFUSED), "refused");
        assert_string_equal(ipc_control_state_name(IPC_CONTROL_STATE_RUNNING), "running");
        assert_string_equal(ipc_control_life_name(IPC_CONTROL_LIFE_DRAINING), "draining");
        assert_string_equal(ipc_control_outcome_name(0), "none");
        assert_string_equal(ipc_control_state_name(UINT64_MAX), "unknown");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_service),
                cmocka_unit_test(test_pool),
                cmocka_unit_test(test_requests_and_results),
                cmocka_unit_test(test_long_texts_are_cut),
                cmocka_unit_test(test_long_lists_are_cut),
                cmocka_unit_test(test_encode_refuses),
                cmocka_unit_test(test_packets),
                cmocka_unit_test(test_too_many_generations),
                cmocka_unit_test(test_mutations),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
