/* SPDX-License-Identifier: MIT */
/* What fpmtrace prints, from readings and events made by hand; and the readings themselves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "render.h"
#include "scoreboard/stages.h"

static const struct {
        uint64_t ns;
        const char *text;
} durations[] = {
        { 0, "0 ns" },          { 999, "999 ns" },        { 1000, "1.0 us" },         { 12345, "12.3 us" },
        { 1200000, "1.20 ms" }, { 3050000000, "3.05 s" }, { 90000000000, "90.00 s" },
};

static void test_durations(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(durations); i++) {
                _cleanup_text_ struct text t = {};

                trace_render_duration(&t, durations[i].ns);
                assert_string_equal(text_peek(&t), durations[i].text);
        }
}

static void count(struct trace_snapshot *s, struct trace_count_key key, uint64_t n) {
        assert_int_equal(trace_snapshot_add_count(s, &key, n), 0);
}

static void measure(struct trace_snapshot *s, struct trace_hist_key key, uint64_t ns, uint64_t n) {
        struct trace_hist h = { .n = n, .sum = n * ns, .max = ns };

        h.buckets[trace_hist_bucket(ns)] = n;
        assert_int_equal(trace_snapshot_add_hist(s, &key, &h), 0);
}

static struct trace_snapshot *reading(usec_t elapsed, uint64_t n) {
        struct trace_snapshot *s = trace_snapshot_new();

        assert_non_null(s);
        s->elapsed = elapsed;
        count(s, (struct trace_count_key){ .pool = "www", .from = STAGE_ACCEPTING, .to = STAGE_READING_HEADERS }, n);
        count(s, (struct trace_count_key){ .pool = "www", .from = STAGE_EXECUTING, .to = STAGE_END }, n);
        count(s, (struct trace_count_key){ .pool = "blog", .from = STAGE_CREATING, .to = STAGE_ACCEPTING }, 2);
        measure(s, (struct trace_hist_key){ .pool = "www", .stage = STAGE_EXECUTING }, 3, n);
        measure(s, (struct trace_hist_key){ .pool = "www", .stage = 0 }, 4, n);
        trace_snapshot_sort(s);
        return s;
}

static void test_snapshot(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = reading(1, 10);

        assert_int_equal(s->n_pools, 2);
        assert_string_equal(s->pools[0].name, "blog");
        assert_int_equal(trace_snapshot_transitions(s), 22);
        assert_int_equal(trace_snapshot_pool_entered(trace_snapshot_find(s, "www"), STAGE_END), 10);
        assert_null(trace_snapshot_find(s, "ww"));
}

/* Stages and names are numbers and bytes from a traced process. */
static void test_snapshot_nonsense(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = trace_snapshot_new();
        struct trace_hist_key hist_key = { .pool = "x", .stage = TRACE_STAGES };
        struct trace_hist h = { .n = 5 };
        struct trace_count_key endless = { .from = 1, .to = 2 };

        assert_null(trace_snapshot_find(s, "x"));
        count(s, (struct trace_count_key){ .pool = "x", .from = TRACE_STAGES, .to = 1 }, 3);
        count(s, (struct trace_count_key){ .pool = "x", .from = 1, .to = UINT32_MAX }, 4);
        assert_int_equal(trace_snapshot_add_hist(s, &hist_key, &h), 0);
        assert_int_equal(s->lost.counts, 7);
        assert_int_equal(s->lost.samples, 5);
        assert_int_equal(s->n_pools, 0);

        memset(endless.pool, 'a', sizeof(endless.pool));
        assert_int_equal(trace_snapshot_add_count(s, &endless, 1), 0);
        assert_int_equal(trace_snapshot_add_count(s, &endless, 1), 0);
        assert_int_equal(s->n_pools, 1);
        assert_int_equal(strlen(s->pools[0].name), TRACE_POOL_MAX - 1);
}

#define HEAD "POOL             STAGE               ENTERED      PER S         P50         P99         MAX\n"

static void test_table(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *before = reading(1000000, 10), *now = reading(3000000, 30);
        _cleanup_text_ struct text t = {};

        trace_render_table(&t, now, before);
        assert_string_equal(
                text_peek(&t),
                "fpmtrace: 3.0 s, 62 transitions\n" HEAD
                "blog             accepting                 2        0.0           -           -           -\n"
                "www              (request)                30       10.0        4 ns        4 ns        4 ns\n"
                "www              reading_headers          30       10.0           -           -           -\n"
                "www              executing                 0        0.0        3 ns        3 ns        3 ns\n"
                "www              end                      30       10.0           -           -           -\n");
}

static void test_table_tells_losses(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = trace_snapshot_new();
        _cleanup_text_ struct text t = {};

        s->lost = (struct trace_lost){ .events = 1, .counts = 2, .samples = 3 };
        trace_render_table(&t, s, NULL);
        assert_string_equal(text_peek(&t), "fpmtrace: 0.0 s, 0 transitions, 2 MORE NOT COUNTED (too many pools), "
                                           "3 durations lost, 1 lines lost\n" HEAD);
}

static void test_summary(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = trace_snapshot_new();
        _cleanup_text_ struct text t = {};

        s->elapsed = 2000000;
        count(s, (struct trace_count_key){ .pool = "www", .from = STAGE_END, .to = 12 },
              7); /* 12: a stage of a newer build */
        trace_render_summary(&t, s);
        assert_string_equal(
                text_peek(&t),
                "fpmtrace: 2.0 s, 7 transitions\n" HEAD
                "www              stage-12                  7        3.5           -           -           -\n"
                "\n"
                "POOL             FROM             TO                    COUNT\n"
                "www              end              stage-12                  7\n");
}

static void test_json(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = trace_snapshot_new();
        _cleanup_text_ struct text t = {};

        s->elapsed = 5;
        count(s, (struct trace_count_key){ .pool = "w\"\x1b", .from = STAGE_EXECUTING, .to = STAGE_END }, 7);
        measure(s, (struct trace_hist_key){ .pool = "w\"\x1b", .stage = STAGE_EXECUTING }, 3, 7);
        trace_render_json(&t, s);
        assert_string_equal(
                text_peek(&t),
                "{\"elapsed_us\":5,\"transitions\":7,\"lost\":{\"events\":0,\"counts\":0,\"samples\":0},\"pools\":[{"
                "\"pool\":\"w\\\"\\u001b\",\"transitions\":[{\"from\":\"executing\",\"to\":\"end\",\"count\":7}],"
                "\"stages\":[{\"stage\":\"executing\",\"entered\":0,"
                "\"measured\":7,\"sum_ns\":21,\"p50_ns\":3,\"p99_ns\":3,\"max_ns\":3},"
                "{\"stage\":\"end\",\"entered\":7,"
                "\"measured\":0,\"sum_ns\":0,\"p50_ns\":0,\"p99_ns\":0,\"max_ns\":0}],"
                "\"requests\":{\"measured\":0,\"sum_ns\":0,\"p50_ns\":0,\"p99_ns\":0,\"max_ns\":0}}]}\n");
}

static void test_json_of_nothing(void **state) {
        _cleanup_snapshot_ struct trace_snapshot *s = trace_snapshot_new();
        _cleanup_text_ struct text t = {};

        trace_render_json(&t, s);
        assert_string_equal(text_peek(&t), "{\"elapsed_us\":0,\"transitions\":0,"
                                           "\"lost\":{\"events\":0,\"counts\":0,\"samples\":0},\"pools\":[]}\n");
}

static void test_event_stage(void **state) {
        struct trace_event e = {
                .kind = TRACE_KIND_STAGE,
                .worker = 41,
                .request = 9,
                .ns = 1500000000,
                .duration = 2000,
                .from = STAGE_INFO,
                .to = STAGE_EXECUTING,
                .pool = "www",
        };
        _cleanup_text_ struct text t = {};

        trace_render_event(&t, &e, sizeof(e), 1000000000);
        assert_string_equal(text_peek(&t), "     0.500000 www 41 #9 info -> executing after 2.0 us\n");
}

static void test_event_start(void **state) {
        struct trace_event_start e = {
                .event = { .kind = TRACE_KIND_START, .worker = 41, .request = 9, .pool = "www" },
                .method = "GET",
        };
        _cleanup_text_ struct text t = {};

        trace_render_event(&t, &e, sizeof(e), 0);
        assert_string_equal(text_peek(&t), "     0.000000 www 41 #9 start GET\n");
        text_done(&t);

        strcpy(e.uri, "/a\x1b[2J\xc2\x9b\\");
        strcpy(e.script, "/a.php");
        trace_render_event(&t, &e, sizeof(e), 0);
        assert_string_equal(text_peek(&t), "     0.000000 www 41 #9 start GET /a\\x1b[2J\\xc2\\x9b\\ script /a.php\n");
}

static void test_event_done(void **state) {
        struct trace_event e = {
                .kind = TRACE_KIND_DONE,
                .worker = 41,
                .request = 9,
                .duration = 1200000,
                .bytes = 512,
                .status = 404,
                .pool = "www",
        };
        _cleanup_text_ struct text t = {};

        trace_render_event(&t, &e, sizeof(e), 0);
        assert_string_equal(text_peek(&t), "     0.000000 www 41 #9 done 404, 512 bytes, 1.20 ms\n");
}

static void test_event_cut_short(void **state) {
        struct trace_event_start e = { .event = { .kind = TRACE_KIND_START } };
        _cleanup_text_ struct text t = {};

        trace_render_event(&t, &e, sizeof(e) - 1, 0);
        trace_render_event(&t, &e, sizeof(e.event) - 1, 0);
        assert_int_equal(t.n, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_durations),
                cmocka_unit_test(test_snapshot),
                cmocka_unit_test(test_snapshot_nonsense),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_table_tells_losses),
                cmocka_unit_test(test_summary),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_of_nothing),
                cmocka_unit_test(test_event_stage),
                cmocka_unit_test(test_event_start),
                cmocka_unit_test(test_event_done),
                cmocka_unit_test(test_event_cut_short),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
