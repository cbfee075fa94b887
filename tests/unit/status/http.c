/* SPDX-License-Identifier: MIT */
/* status/http.h: heads as tables, and responses byte for byte. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "fcgi/params.h"
#include "status/http.h"

#define MORE 1U /* instead of a status */

static bool is(const char *s, size_t n, const char *wanted) {
        return n == strlen(wanted) && memcmp(s, wanted, n) == 0;
}

static void heads_are_read(_unused_ void **state) {
        static const struct {
                const char *sentence, *data;
                unsigned refusal;
                const char *path, *query; /* of what is not refused */
                bool no_body;
        } rows[] = {
                { "a probe", "GET /ready HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.29\r\n\r\n", 0, "/ready", "" },
                { "of 1.0", "GET /live HTTP/1.0\r\n\r\n", 0, "/live", "" },
                { "typed by hand", "GET /live HTTP/1.0\n\n", 0, "/live", "" },
                { "HEAD", "HEAD /ready HTTP/1.1\r\n\r\n", 0, "/ready", "", true },
                { "with a query", "GET /status?openmetrics&full HTTP/1.1\r\n\r\n", 0, "/status", "openmetrics&full" },
                { "with an empty one", "GET /status? HTTP/1.1\r\n\r\n", 0, "/status", "" },
                { "what comes behind it is not looked at", "GET / HTTP/1.1\r\n\r\n\x01\x02", 0, "/", "" },
                { "with scheme and host", "GET http://h:9/status?json HTTP/1.1\r\n\r\n", 0, "/status", "json" },
                { "in capital letters", "GET HTTPS://h/ready HTTP/1.1\r\n\r\n", 0, "/ready", "" },
                { "and no path", "GET http://h HTTP/1.1\r\n\r\n", 0, "/", "" },
                { "but a query", "GET http://h?a/b HTTP/1.1\r\n\r\n", 0, "/", "a/b" },
                { "without a host", "GET http:///ready HTTP/1.1\r\n\r\n", 400 },
                { "of another scheme", "GET ftp://h/ready HTTP/1.1\r\n\r\n", 400 },
                { "an empty line before it", "\r\nGET /ready HTTP/1.1\r\n\r\n", 0, "/ready", "" },
                { "typed by hand", "\n\nGET /ready HTTP/1.1\n\n", 0, "/ready", "" },
                { "and no more", "\r\n", MORE },
                { "a CR alone", "\rGET /ready HTTP/1.1\r\n\r\n", 400 },
                { "nothing yet", "", MORE },
                { "half a line", "GET /rea", MORE },
                { "half a head", "GET /ready HTTP/1.1\r\nHost: a\r\n", MORE },
                { "all but its last byte", "GET /ready HTTP/1.1\r\n\r", MORE },
                { "half an agent's word", "agent-check", MORE },
                { "another method", "POST /ready HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 405 },
                { "a method in small letters is another one", "get /ready HTTP/1.1\r\n\r\n", 405 },
                { "HTTP/0.9", "GET /ready\r\n", 400 },
                { "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
                { "a version to come", "GET / HTTP/2.0\r\n", 505 },
                { "no version", "GET / FTP/1.1\r\n", 400 },
                { "a longer one", "GET / HTTP/1.10\r\n", 400 },
                { "two blanks", "GET  / HTTP/1.1\r\n", 400 },
                { "one word", "hello\n", 400 },
                { "a target that is no path", "GET ready HTTP/1.1\r\n\r\n", 400 },
                { "control characters", "GET /\x1b[2J HTTP/1.1\r\n\r\n", 400 },
                { "characters beyond ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n\r\n", 400 },
                { "a bare CR in the line", "GET /\rx HTTP/1.1\r\n\r\n", 400 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct status_http_head h;
                int r = status_http_parse(rows[i].data, strlen(rows[i].data), &h);

                if ((rows[i].refusal == MORE) != (r == STATUS_HTTP_E_MORE))
                        fail_msg("%s: parse said %d", rows[i].sentence, r);
                if (r == STATUS_HTTP_E_MORE)
                        continue;
                if (h.refusal != rows[i].refusal || h.agent)
                        fail_msg("%s: refused with %u", rows[i].sentence, h.refusal);
                if (h.refusal != 0)
                        continue;
                if (!is(h.path, h.n_path, rows[i].path) || !is(h.query, h.n_query, rows[i].query) ||
                    h.no_body != rows[i].no_body)
                        fail_msg("%s: read wrongly", rows[i].sentence);
        }
}

static void agents_are_known_by_their_word(_unused_ void **state) {
        struct status_http_head h;

        assert_int_equal(status_http_parse("agent-check\n", 12, &h), 0);
        assert_true(h.agent);
        assert_int_equal(status_http_parse("agent-check\r\n", 13, &h), 0);
        assert_true(h.agent);
        assert_int_equal(status_http_parse("agent-check 1\n", 14, &h), 0);
        assert_int_equal(h.refusal, 400);
}

static void first_bytes_tell_the_protocol(_unused_ void **state) {
        for (unsigned byte = 0; byte < 256; byte++)
                assert_int_equal(status_http_begins((uint8_t)byte), (byte >= 'a' && byte <= 'z') ||
                                                                            (byte >= 'A' && byte <= 'Z') ||
                                                                            byte == '\r' || byte == '\n');
}

static void head_that_is_too_long_is_refused(_unused_ void **state) {
        static char data[STATUS_HTTP_HEAD_MAX + 4];
        struct status_http_head h;

        memset(data, 'a', sizeof(data));
        assert_int_equal(status_http_parse(data, STATUS_HTTP_HEAD_MAX - 1, &h), STATUS_HTTP_E_MORE);
        assert_int_equal(status_http_parse(data, STATUS_HTTP_HEAD_MAX, &h), 0);
        assert_int_equal(h.refusal, 431);
        memcpy(data, "GET / HTTP/1.1\r\nA: ", 19);
        memcpy(data + sizeof(data) - 4, "\r\n\r\n", 4);
        assert_int_equal(status_http_parse(data, sizeof(data), &h), 0);
        assert_int_equal(h.refusal, 431);
        memcpy(data + STATUS_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
        assert_int_equal(status_http_parse(data, STATUS_HTTP_HEAD_MAX, &h), 0);
        assert_int_equal(h.refusal, 0);
}

static void params_are_those_of_a_web_server(_unused_ void **state) {
        static const char data[] = "HEAD /status?json HTTP/1.1\r\n\r\n";
        static const char *const wanted[][2] = { { "REQUEST_METHOD", "HEAD" },
                                                 { "SCRIPT_NAME", "/status" },
                                                 { "QUERY_STRING", "json" } };
        uint8_t params[STATUS_HTTP_PARAMS_MAX];
        struct status_http_head h;
        struct fcgi_pair pair;
        size_t n;

        assert_int_equal(status_http_parse(data, sizeof(data) - 1, &h), 0);
        n = status_http_params(&h, params);
        assert_true(fcgi_params_well_formed(params, n));
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                assert_true(fcgi_params_find(params, n, wanted[i][0], &pair));
                assert_int_equal(pair.n_value, strlen(wanted[i][1]));
                assert_memory_equal(pair.value, wanted[i][1], pair.n_value);
        }
}

static void replies_become_responses(_unused_ void **state) {
        static const struct {
                const char *reply, *response;
                bool no_body;
        } rows[] = {
                { "Content-type: text/plain\r\n\r\nlive\n",
                  "HTTP/1.1 200 OK\r\nContent-type: text/plain\r\nContent-Length: 5\r\n"
                  "Connection: close\r\n\r\nlive\n" },
                { "X: y\r\nStatus: 503 Service Unavailable\r\nA: b\r\n\r\nno\r\n\r\nno",
                  "HTTP/1.1 503 Service Unavailable\r\nX: y\r\nA: b\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
                  "no\r\n\r\nno" },
                { "Content-type: text/plain\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-type: text/plain\r\nConnection: close\r\n\r\n", true },
        };
        _cleanup_text_ struct text refusal = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_text_ struct text out = {};

                status_http_respond(rows[i].reply, strlen(rows[i].reply), rows[i].no_body, &out);
                assert_string_equal(text_peek(&out), rows[i].response);
        }
        status_http_refuse(405, &refusal);
        assert_string_equal(text_peek(&refusal), "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n"
                                                 "Content-type: text/plain;charset=UTF-8\r\nContent-Length: 23\r\n"
                                                 "Connection: close\r\n\r\n405 Method Not Allowed\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(heads_are_read),
                cmocka_unit_test(agents_are_known_by_their_word),
                cmocka_unit_test(first_bytes_tell_the_protocol),
                cmocka_unit_test(head_that_is_too_long_is_refused),
                cmocka_unit_test(params_are_those_of_a_web_server),
                cmocka_unit_test(replies_become_responses),
        };

        return cmocka_run_group_tests_name("status/http", tests, NULL, NULL);
}
