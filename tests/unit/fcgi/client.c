/* SPDX-License-Identifier: MIT */
/*
 * Replies as a client hears them, whole, byte by byte, cut everywhere and with every padding; and requests as the
 * responder's decoder reads them back.
 */

#include "fcgi/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "base/macros.h"
#include "base/text.h"
#include "talk.h"

static const struct talk {
        const char *sentence;
        struct record records[8];
        const char *events;
} talks[] = {
        { "a page", { STDOUT(1, "page"), STDOUT(1, ""), END(1, "\0\0\0\0\0\0\0\0") }, "stdout page; end 0 0" },
        { "output and errors mixed",
          { STDOUT(1, "a"), STDOUT(1, "b"), STDERR(1, "oops"), STDOUT(1, "c"), STDERR(1, ""),
            END(1, "\0\0\0\0\0\0\0\0") },
          "stdout ab; stderr oops; stdout c; end 0 0" },
        { "nothing but the end", { END(1, "\1\2\3\4\2\0\0\0") }, "end 16909060 2" },
        { "a status that the specification lacks", { END(1, "\0\0\0\0\377\0\0\0") }, "end 0 255" },
        { "other requests and management are skipped",
          { STDOUT(2, "no"), END(2, "no"), R(FCGI_UNKNOWN_TYPE, 0, "12345678"), R(FCGI_GET_VALUES_RESULT, 0, ""),
            STDIN(3, "x"), STDOUT(1, "yes") },
          "stdout yes" },
        { "nothing is heard of a request that has ended",
          { END(1, "\0\0\0\1\0\0\0\0"), STDOUT(1, "late"), END(1, "") },
          "end 1 0" },
        { "an end with too little", { END(1, "1234567") }, "violation END_MALFORMED" },
        { "an end with too much", { END(1, "123456789") }, "violation END_MALFORMED" },
        { "a record that only a web server sends",
          { STDOUT(1, "a"), STDIN(1, "b") },
          "stdout a; violation UNEXPECTED_RECORD" },
        { "another version", { { .type = FCGI_STDOUT, .id = 1, .content = "", .version = 2 } }, "violation VERSION" },
};

static void append_event(struct text *out, const struct fcgi_client_event *e, enum fcgi_client_event_type last) {
        bool slice = e->type == FCGI_CLIENT_STDOUT || e->type == FCGI_CLIENT_STDERR;

        if (slice && e->type == last) {
                text_append_n(out, e->data, e->n);
                return;
        }
        if (out->n > 0)
                text_append(out, "; ");
        if (slice) {
                text_append(out, e->type == FCGI_CLIENT_STDOUT ? "stdout " : "stderr ");
                text_append_n(out, e->data, e->n);
        } else if (e->type == FCGI_CLIENT_END) {
                text_printf(out, "end %u %u", e->app_status, e->status);
        } else {
                assert_int_equal(e->type, FCGI_CLIENT_VIOLATION);
                text_printf(out, "violation %s", talk_violation_name(e->violation));
        }
}

static void hold(const void *talk, const struct talk_bytes *b) {
        const struct talk *t = talk;
        _cleanup_text_ struct text events = {};
        enum fcgi_client_event_type last = FCGI_CLIENT_MORE;
        size_t end = b->n_first, used;
        struct fcgi_client c = {};
        struct fcgi_client_event e = {};

        fcgi_client_begin(&c, 1);
        for (size_t at = 0; e.type != FCGI_CLIENT_VIOLATION; at += used) {
                fcgi_client_step(&c, b->in + at, end - at, &used, &e);
                assert_true(used <= end - at);
                if (e.type == FCGI_CLIENT_STDOUT || e.type == FCGI_CLIENT_STDERR)
                        assert_true(e.n > 0 && e.data >= b->in + at && e.data + e.n == b->in + at + used);
                if (e.type != FCGI_CLIENT_MORE) {
                        append_event(&events, &e, last);
                        last = e.type;
                        continue;
                }
                assert_int_equal(at + used, end);
                if (end == b->n)
                        break;
                end = MIN(end + b->n_step, b->n);
        }
        assert_string_equal(text_peek(&events), t->events);
}

static void test_replies(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(talks); i++) {
                print_message("%s\n", talks[i].sentence);
                talk_whole_and_byte_by_byte(hold, &talks[i], talks[i].records);
        }
}

static void test_replies_cut_at_every_position(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(talks); i++)
                talk_cut_at_every_position(hold, &talks[i], talks[i].records);
}

static void test_a_kept_connection_hears_the_next_request(void **state) {
        static const struct record t[] = { END(1, "\0\0\0\1\0\0\0\0"), END(1, "\0\0\0\2\0\0\0\0"), {} };
        struct fcgi_client c = {};
        struct fcgi_client_event e;
        uint8_t bytes[64];
        size_t n = talk_build(t, 3, bytes), used, more;

        fcgi_client_begin(&c, 1);
        fcgi_client_step(&c, bytes, n, &used, &e);
        assert_int_equal(e.type, FCGI_CLIENT_END);
        assert_int_equal(e.app_status, 1);
        fcgi_client_begin(&c, 1);
        fcgi_client_step(&c, bytes + used, n - used, &more, &e);
        assert_int_equal(e.type, FCGI_CLIENT_END);
        assert_int_equal(e.app_status, 2);
        fcgi_client_step(&c, bytes + used + more, 0, &used, &e);
        assert_int_equal(e.type, FCGI_CLIENT_MORE);
}

static void test_a_violation_stays(void **state) {
        struct fcgi_client c = {};
        struct fcgi_client_event e;
        size_t used;

        fcgi_client_step(&c, (const uint8_t *)"HTTP/1.1 400", 12, &used, &e);
        assert_int_equal(e.type, FCGI_CLIENT_VIOLATION);
        fcgi_client_step(&c, (const uint8_t *)"x", 1, &used, &e);
        assert_int_equal(e.type, FCGI_CLIENT_VIOLATION);
        assert_int_equal(e.violation, FCGI_VIOLATION_VERSION);
        assert_int_equal(used, 0);
}

static char filler[200000];

// clang-format off
#define PAIR(n_n, n_v) { .name = filler, .n_name = (n_n), .value = filler, .n_value = (n_v) }
// clang-format on

/* Records as "type:length", so that where they end is seen; and what the responder makes of them. */
static const struct {
        const char *sentence;
        struct fcgi_pair params[4];
        size_t n_params;
        size_t n_body;
        const char *records;
} requests[] = {
        { "nothing but streams and their ends", {}, 0, 0, "1:8 4:0 5:0" },
        { "pairs share a record", { PAIR(3, 5), PAIR(1, 0) }, 2, 0, "1:8 4:13 4:0 5:0" },
        { "a body", { PAIR(1, 1) }, 1, 3, "1:8 4:4 4:0 5:3 5:0" },
        { "a body that fills a record", {}, 0, 65535, "1:8 4:0 5:65535 5:0" },
        { "a body over three records", {}, 0, 131071, "1:8 4:0 5:65535 5:65535 5:1 5:0" },
        { "pairs that fill a record to its last byte",
          { PAIR(10, 50000), PAIR(10, 15505) },
          2,
          0,
          "1:8 4:65535 4:0 5:0" },
        { "a pair too many begins the next record",
          { PAIR(10, 50000), PAIR(10, 15506) },
          2,
          0,
          "1:8 4:50015 4:15521 4:0 5:0" },
        { "a pair larger than a record is cut",
          { PAIR(1, 1), PAIR(1, 70000), PAIR(1, 2) },
          3,
          0,
          "1:8 4:4 4:65535 4:4471 4:5 4:0 5:0" },
};

static void list_records(const uint8_t *in, size_t n, struct text *out) {
        struct fcgi_record r = {};
        struct fcgi_slice rest = { in, n }, content;

        while (rest.n > 0)
                if (!fcgi_record_take(&r, &rest, &content) && fcgi_record_open(&r, &rest)) {
                        assert_int_equal(r.header.request_id, 513);
                        text_printf(out, "%s%u:%u", out->n > 0 ? " " : "", r.header.type, r.header.n_content);
                }
        assert_true(fcgi_record_between(&r));
}

static void read_back(const uint8_t *in, size_t n, const struct fcgi_client_request *sent) {
        size_t used, n_body = 0, pos = 0;
        struct fcgi_decoder d;
        struct fcgi_event e;
        struct fcgi_pair pair = {};

        assert_int_equal(fcgi_decoder_init(&d, &(struct fcgi_limits){ .params_max = FCGI_PARAMS_MAX_DEFAULT }), 0);
        do {
                assert_int_equal(fcgi_decoder_step(&d, in, n, &used, &e), 0);
                assert_int_not_equal(e.type, FCGI_EVENT_VIOLATION);
                assert_int_not_equal(e.type, FCGI_EVENT_MORE);
                in += used;
                n -= used;
                n_body += e.n;
        } while (e.type != FCGI_EVENT_BODY_END);
        assert_int_equal(n, 0);
        assert_int_equal(n_body, sent->n_body);
        assert_int_equal(d.keep_conn, sent->keep_conn);
        for (size_t i = 0; i < sent->n_params; i++) {
                assert_int_equal(fcgi_params_next(d.params, d.n_params, &pos, &pair), 1);
                assert_int_equal(pair.n_name, sent->params[i].n_name);
                assert_int_equal(pair.n_value, sent->params[i].n_value);
                assert_memory_equal(pair.value, sent->params[i].value, pair.n_value);
        }
        assert_int_equal(pos, d.n_params);
        fcgi_decoder_done(&d);
}

static void test_requests_are_read_back(void **state) {
        for (size_t i = 0; i < sizeof(filler); i++)
                filler[i] = (char)(i * 7);
        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                struct fcgi_client_request request = {
                        .request_id = 513,
                        .keep_conn = i % 2,
                        .params = requests[i].params,
                        .n_params = requests[i].n_params,
                        .body = filler,
                        .n_body = requests[i].n_body,
                };
                _cleanup_text_ struct text records = {};
                uint8_t *bytes;
                size_t n;

                print_message("%s\n", requests[i].sentence);
                assert_int_equal(fcgi_client_encode(&request, &bytes, &n), 0);
                list_records(bytes, n, &records);
                assert_string_equal(text_peek(&records), requests[i].records);
                read_back(bytes, n, &request);
                free(bytes);
        }
}

static void test_memory_that_runs_out_is_said(void **state) {
        const struct fcgi_pair pair = PAIR(1, 1);
        const struct fcgi_client_request request = { .request_id = 1, .params = &pair, .n_params = 1 };
        uint8_t *bytes = NULL;
        size_t n = 99;

        for (unsigned i = 1; i <= 2; i++) {
                alloc_fail_at(i);
                assert_int_equal(fcgi_client_encode(&request, &bytes, &n), -ENOMEM);
                assert_null(bytes);
                assert_int_equal(n, 99);
        }
        alloc_fail_at(0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_replies_cut_at_every_position),
                cmocka_unit_test(test_a_kept_connection_hears_the_next_request),
                cmocka_unit_test(test_a_violation_stays),
                cmocka_unit_test(test_requests_are_read_back),
                cmocka_unit_test(test_memory_that_runs_out_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
