/* SPDX-License-Identifier: MIT */
/* The HTML, XML and OpenMetrics pages: php-fpm's bytes for the same numbers, and behind its metrics our own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "board.h"
#include "scoreboard/slot.h"
#include "status/html.h"
#include "status/openmetrics.h"
#include "status/xml.h"

/* A number that php-fpm has since PHP 8.4. */
#if FPMD_PHP_VERSION_ID >= 80400
#define PEAK_HTML "<tr><th>memory peak</th><td>0</td></tr>\n"
#define PEAK_XML  "<memory-peak>0</memory-peak>\n"
#else
#define PEAK_HTML ""
#define PEAK_XML  ""
#endif

#define POOL_HTML                                                                                                      \
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" "                                                  \
        "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\n"                                                     \
        "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"                                  \
        "<head><title>PHP-FPM Status Page</title></head>\n<body>\n<table>\n"                                           \
        "<tr><th>pool</th><td>www</td></tr>\n<tr><th>process manager</th><td>dynamic</td></tr>\n"                      \
        "<tr><th>start time</th><td>21/Nov/2026:21:03:15 +0000</td></tr>\n<tr><th>start since</th><td>90</td></tr>\n"  \
        "<tr><th>accepted conn</th><td>8</td></tr>\n<tr><th>listen queue</th><td>1</td></tr>\n"                        \
        "<tr><th>max listen queue</th><td>4</td></tr>\n<tr><th>listen queue len</th><td>511</td></tr>\n"               \
        "<tr><th>idle processes</th><td>1</td></tr>\n<tr><th>active processes</th><td>0</td></tr>\n"                   \
        "<tr><th>total processes</th><td>1</td></tr>\n<tr><th>max active processes</th><td>2</td></tr>\n"              \
        "<tr><th>max children reached</th><td>3</td></tr>\n<tr><th>slow requests</th><td>0</td></tr>\n" PEAK_HTML      \
        "</table>\n"

#define WORKERS_HTML                                                                                                   \
        "<table border=\"1\">\n"                                                                                       \
        "<tr><th>pid</th><th>state</th><th>start time</th><th>start since</th><th>requests</th><th>request "           \
        "duration</th>"                                                                                                \
        "<th>request method</th><th>request uri</th><th>content length</th><th>user</th><th>script</th>"               \
        "<th>last request cpu</th><th>last request memory</th></tr>\n"                                                 \
        "<tr><td>100</td><td>Idle</td><td>21/Nov/2026:21:03:15 "                                                       \
        "+0000</td><td>88</td><td>8</td><td>145</td><td>POST</td>"                                                     \
        "<td>/a.php?b=&lt;1&gt;</td><td>5</td><td>-</td><td>/srv/a.php</td><td>68.97</td><td>2097152</td></tr>\n"      \
        "</table>"

#define POOL_XML                                                                                                       \
        "<?xml version=\"1.0\" ?>\n<status>\n<pool>www</pool>\n<process-manager>dynamic</process-manager>\n"           \
        "<start-time>1795294995</start-time>\n<start-since>90</start-since>\n<accepted-conn>8</accepted-conn>\n"       \
        "<listen-queue>1</listen-queue>\n<max-listen-queue>4</max-listen-queue>\n"                                     \
        "<listen-queue-len>511</listen-queue-len>\n<idle-processes>1</idle-processes>\n"                               \
        "<active-processes>0</active-processes>\n<total-processes>1</total-processes>\n"                               \
        "<max-active-processes>2</max-active-processes>\n<max-children-reached>3</max-children-reached>\n"             \
        "<slow-requests>0</slow-requests>\n" PEAK_XML

#define WORKERS_XML                                                                                                    \
        "<processes>\n<process><pid>100</pid><state>Idle</state><start-time>1795294995</start-time>"                   \
        "<start-since>88</start-since><requests>8</requests><request-duration>145</request-duration>"                  \
        "<request-method>POST</request-method><request-uri>/a.php?b=&lt;1&gt;</request-uri>"                           \
        "<content-length>5</content-length><user>-</user><script>/srv/a.php</script>"                                  \
        "<last-request-cpu>68.97</last-request-cpu><last-request-memory>2097152</last-request-memory></process>\n"     \
        "</processes>\n"

static const struct {
        const char *says;
        void (*render)(const struct status_snapshot *s, bool full, struct text *out);
        bool full;
        const char *want;
} rows[] = {
        { "HTML", status_html_render, false, POOL_HTML "</body></html>" },
        { "HTML with workers", status_html_render, true, POOL_HTML WORKERS_HTML "</body></html>" },
        { "XML", status_xml_render, false, POOL_XML "</status>" },
        { "XML with workers", status_xml_render, true, POOL_XML WORKERS_XML "</status>" },
};

static void test_pages(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_board_ struct scoreboard *board = board_example();
                _cleanup_snapshot_ struct status_snapshot s = {};
                _cleanup_text_ struct text out = {};

                assert_int_equal(status_snapshot_take(board, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
                rows[i].render(&s, rows[i].full, &out);
                if (strcmp(text_peek(&out), rows[i].want) != 0)
                        fail_msg("%s: %s", rows[i].says, text_peek(&out));
        }
}

static void expect_lines(const char *page, const char *const *lines) {
        for (; *lines; lines++)
                if (!strstr(page, *lines))
                        fail_msg("'%s' is missing in:\n%s", *lines, page);
}

static void test_metrics(void **state) {
        static const char *const want[] = { "# HELP phpfpm_up Could pool www using a dynamic PM on PHP-FPM be "
                                            "reached?\n# TYPE phpfpm_up gauge\nphpfpm_up 1\n",
                                            "\nphpfpm_accepted_connections 8\n",
                                            "\nphpfpm_request_duration_seconds_bucket{le=\"0.005\"} 2\n",
                                            "\nphpfpm_request_duration_seconds_bucket{le=\"0.01\"} 2\n",
                                            "\nphpfpm_request_duration_seconds_bucket{le=\"1.0\"} 3\n",
                                            "\nphpfpm_request_duration_seconds_bucket{le=\"10.0\"} 3\n",
                                            "\nphpfpm_request_duration_seconds_bucket{le=\"+Inf\"} 4\n",
                                            "\nphpfpm_request_duration_seconds_sum 31.500000\n",
                                            "\nphpfpm_request_duration_seconds_count 4\n",
                                            " Exact for requests that the park offered.\n"
                                            "# TYPE phpfpm_queue_wait_seconds histogram\n",
                                            "\nphpfpm_queue_wait_seconds_bucket{le=\"0.001\"} 10\n",
                                            "\nphpfpm_queue_wait_seconds_bucket{le=\"1.0\"} 12\n",
                                            "\nphpfpm_queue_wait_seconds_bucket{le=\"+Inf\"} 13\n",
                                            "\nphpfpm_queue_wait_seconds_sum 62.010000\n",
                                            "\nphpfpm_worker_age_seconds{pid=\"100\"} 88.000000\n",
                                            "\nphpfpm_worker_requests{pid=\"100\"} 8\n",
                                            "\nphpfpm_worker_active{pid=\"102\"} 1\n",
                                            "\nphpfpm_worker_request_duration_seconds{pid=\"100\"} 0.000145\n",
                                            "\nphpfpm_worker_last_request_memory_bytes{pid=\"100\"} 2097152\n",
                                            "\nphpfpm_worker_last_request_cpu_ratio{pid=\"100\"} 0.6897\n",
                                            "\n# TYPE phpfpm_park_idle gauge\nphpfpm_park_idle 4\n",
                                            "\nphpfpm_park_timed_out 5\n",
                                            "\nphpfpm_failed_starts 2\n",
                                            "\n# EOF\n",
                                            NULL };
        _cleanup_board_ struct scoreboard *board = board_example();
        _cleanup_snapshot_ struct status_snapshot s = {};
        _cleanup_text_ struct text full = {}, brief = {};

        board->slots[0].durations[0] = 1;
        board->slots[0].durations[SCOREBOARD_DURATIONS - 1] = 1;
        board->slots[0].duration_sum = 31 * SECOND;
        board->slots[1].durations[0] = 1; /* its worker has gone */
        board->slots[1].durations[slot_duration_bucket(SECOND / 2)] = 1;
        board->slots[1].duration_sum = SECOND / 2;
        board->header.failed_starts = 2;
        board->header.park.idle = 4;
        board->header.park.timed_out = 5;
        slot_waited(&board->header.waits, SECOND / 1000, 10);
        slot_waited(&board->slots[1].waits, SECOND, 2);
        slot_waited(&board->slots[0].waits, 60 * SECOND, 1);
        board_add(board, 2, STAGE_EXECUTING);
        board_add(board, 3, STAGE_CREATING)->pid = 0;

        assert_int_equal(status_snapshot_take_at_once(board, SCOREBOARD_SLOTS, NOW, STATUS_SNAPSHOT_WORKERS, &s), 0);
        status_openmetrics_render(&s, true, &full);
        expect_lines(text_peek(&full), want);
        assert_null(strstr(text_peek(&full), "pid=\"0\""));
        status_openmetrics_render(&s, false, &brief);
        assert_null(strstr(text_peek(&brief), "phpfpm_worker_"));
        assert_non_null(strstr(text_peek(&brief), "phpfpm_queue_wait_seconds_count 13\n"));
        assert_non_null(strstr(text_peek(&brief), "\nphpfpm_log_entries_lost{log=\"workers' output\"} 0\n# EOF\n"));
}

static void test_metrics_of_a_pool_with_a_strange_name(void **state) {
        static const char *const want[] = {
                "# HELP phpfpm_up Could pool a\\\\b\xef\xbf\xbd\xef\xbf\xbd[31m\\n\xef\xbf\xbd using a dynamic PM", NULL
        };
        _cleanup_board_ struct scoreboard *board = board_new();
        _cleanup_snapshot_ struct status_snapshot s = {};
        _cleanup_text_ struct text out = {};

        strcpy(board->header.pool, "a\\b\xff\33[31m\n\xc2\x9b");
        assert_int_equal(status_snapshot_take(board, NOW, 0, &s), 0);
        status_openmetrics_render(&s, false, &out);
        expect_lines(text_peek(&out), want);
}

static const struct {
        usec_t duration;
        unsigned want;
} buckets[] = {
        { 0, 0 },       { 5000, 0 },      { 5001, 1 },      { 10000, 1 },          { 1000000, 7 },
        { 1000001, 8 }, { 10000000, 10 }, { 10000001, 11 }, { USEC_INFINITY, 11 },
};

static void test_buckets(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(buckets); i++)
                assert_int_equal(slot_duration_bucket(buckets[i].duration), buckets[i].want);
        assert_int_equal(SCOREBOARD_DURATIONS, 12);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pages),
                cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_metrics_of_a_pool_with_a_strange_name),
                cmocka_unit_test(test_buckets),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
