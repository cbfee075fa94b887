/* SPDX-License-Identifier: MIT */
/*
 * Conversations with a responder, each held whole, byte by byte, cut in two at every position, and with every padding.
 * The events must be the same each time; neighbouring slices of the body count as one.
 */

#include "fcgi/decoder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/params.h"
#include "talk.h"

/* When the caller has answered the request: at these events. */
#define AT(event) (1U << FCGI_EVENT_##event)
#define NEVER     (1U << 31)

static const struct talk {
        const char *sentence;
        struct record records[12];
        const char *events;
        unsigned end_at; /* 0: at the end of the body, or when aborted */
} talks[] = {
        { "a request without a body",
          { BEGIN(1), PARAMS(1, "\1\1AB"), PARAMS(1, ""), STDIN(1, "") },
          "begin 1; head A=B; body-end; idle" },
        { "the connection is to be kept, and is",
          { BEGIN_KEEP(1), PARAMS(1, ""), STDIN(1, ""), BEGIN(2), PARAMS(2, ""), STDIN(2, "") },
          "begin 1 keep; head; body-end; begin 2; head; body-end; idle" },
        { "flags we do not know are no reason to keep it",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\1\xfe\0\0\0\0\0"), PARAMS(1, ""), STDIN(1, "") },
          "begin 1; head; body-end; idle" },
        { "reserved bytes of BEGIN_REQUEST mean nothing",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\1\1\1\2\3\4\5"), PARAMS(1, ""), STDIN(1, "") },
          "begin 1 keep; head; body-end; idle" },
        { "the largest id",
          { BEGIN(65535), PARAMS(65535, ""), STDIN(65535, "") },
          "begin 65535; head; body-end; idle" },
        { "a body in two records",
          { BEGIN(1), PARAMS(1, ""), STDIN(1, "abc"), STDIN(1, "de"), STDIN(1, "") },
          "begin 1; head; body abcde; body-end; idle" },
        { "pairs may be cut anywhere by records",
          { BEGIN(1), PARAMS(1, "\2"), PARAMS(1, "\1N"), PARAMS(1, "AV"), PARAMS(1, ""), STDIN(1, "") },
          "begin 1; head NA=V; body-end; idle" },
        { "the second request does not see the first one's parameters",
          { BEGIN_KEEP(1), PARAMS(1, "\1\1AB"), PARAMS(1, ""), STDIN(1, ""), BEGIN_KEEP(1), PARAMS(1, "\1\1CD"),
            PARAMS(1, ""), STDIN(1, "") },
          "begin 1 keep; head A=B; body-end; begin 1 keep; head C=D; body-end; idle" },
        { "a request that has not ended is not idle",
          { BEGIN(1), PARAMS(1, ""), STDIN(1, "") },
          "begin 1; head; body-end",
          NEVER },
        { "what is left of an answered request's body is skipped",
          { BEGIN_KEEP(1), PARAMS(1, ""), STDIN(1, "abc"), STDIN(1, ""), BEGIN(1), PARAMS(1, "") },
          "begin 1 keep; head; begin 1; head; idle",
          AT(HEAD) },
        { "and so are its parameters",
          { BEGIN_KEEP(1), PARAMS(1, "\1\1AB"), PARAMS(1, ""), STDIN(1, ""), BEGIN(2), PARAMS(2, "\7") },
          "begin 1 keep; begin 2; idle",
          AT(BEGIN) },

        { "parameters that end inside a pair",
          { BEGIN(1), PARAMS(1, "\5\5AB"), PARAMS(1, "") },
          "begin 1; violation PARAMS_MALFORMED" },
        { "parameters larger than the limit are refused by their header",
          { BEGIN(1),
            PARAMS(1, "\74\0"
                      "12345678901234567890123456789012345678901234567890123456789"),
            PARAMS(1, "\0\0\0\0") },
          "begin 1; violation PARAMS_TOO_LARGE" },
        { "parameters as large as the limit",
          { BEGIN(1),
            PARAMS(1, "\76\0"
                      "123456789012345678901234567890"),
            PARAMS(1, "12345678901234567890123456789012"), PARAMS(1, "") },
          "begin 1; head 12345678901234567890123456789012345678901234567890123456789012=" },
        { "parameters after their end",
          { BEGIN(1), PARAMS(1, ""), PARAMS(1, "") },
          "begin 1; head; violation UNEXPECTED_RECORD" },
        { "a body before the end of the parameters",
          { BEGIN(1), STDIN(1, "abc"), PARAMS(1, "") },
          "begin 1; violation UNEXPECTED_RECORD" },
        { "an end of the body before the end of the parameters",
          { BEGIN(1), PARAMS(1, "\0\0"), STDIN(1, "") },
          "begin 1; violation UNEXPECTED_RECORD" },
        { "a second end of the body is ignored",
          { BEGIN(1), PARAMS(1, ""), STDIN(1, ""), STDIN(1, "") },
          "begin 1; head; body-end",
          NEVER },
        { "a body after its end",
          { BEGIN(1), PARAMS(1, ""), STDIN(1, ""), STDIN(1, "a") },
          "begin 1; head; body-end; violation UNEXPECTED_RECORD",
          NEVER },
        { "a responder skips DATA",
          { BEGIN(1), PARAMS(1, ""), R(FCGI_DATA, 1, "abc"), STDIN(1, "x"), STDIN(1, "") },
          "begin 1; head; body x; body-end; idle" },

        { "an abort while the parameters come",
          { BEGIN_KEEP(1), PARAMS(1, "\1\1AB"), ABORT(1) },
          "begin 1 keep; abort; idle" },
        { "an abort while the body comes, then another request",
          { BEGIN_KEEP(1), PARAMS(1, ""), STDIN(1, "ab"), ABORT(1), BEGIN(1), PARAMS(1, ""), STDIN(1, "") },
          "begin 1 keep; head; body ab; abort; begin 1; head; body-end; idle" },
        { "an abort may come with content", { BEGIN(1), R(FCGI_ABORT_REQUEST, 1, "xyz") }, "begin 1; abort; idle" },
        { "nothing more is told of an aborted request",
          { BEGIN(1), ABORT(1), PARAMS(1, "\1"), PARAMS(1, ""), STDIN(1, "abc"), ABORT(1) },
          "begin 1; abort",
          NEVER },
        { "an abort of another request is ignored", { BEGIN(1), ABORT(2), PARAMS(1, "") }, "begin 1; head" },
        { "an abort without a request is ignored", { ABORT(1) }, "idle" },

        { "an authorizer is served",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\2\0\0\0\0\0\0"), PARAMS(3, "\1\1AB"), PARAMS(3, "") },
          "begin 3; head A=B" },
        { "a filter is too, without its data",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\3\0\0\0\0\0\0"), PARAMS(3, ""), STDIN(3, "x"), STDIN(3, ""),
            R(FCGI_DATA, 3, "abc"), R(FCGI_DATA, 3, "") },
          "begin 3; head; body x; body-end; idle" },
        { "another role is not offered",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\4\0\0\0\0\0\0") },
          "reply end 3 0 3 close; idle" },
        { "none is not either, and the connection may stay",
          { R(FCGI_BEGIN_REQUEST, 3, "\0\0\1\0\0\0\0\0"), PARAMS(3, "\1\1AB"), PARAMS(3, ""), STDIN(3, "x"),
            STDIN(3, ""), BEGIN(3), PARAMS(3, "") },
          "reply end 3 0 3; begin 3; head" },
        { "a role has two bytes", { R(FCGI_BEGIN_REQUEST, 1, "\1\1\1\0\0\0\0\0") }, "reply end 1 0 3; idle" },
        { "a second request at a time is refused",
          { BEGIN(1), PARAMS(1, "\1\1AB"), BEGIN(2), PARAMS(2, "\1\1CD"), PARAMS(2, ""), STDIN(2, "no"), STDIN(2, ""),
            PARAMS(1, ""), STDIN(1, "") },
          "begin 1; reply end 2 0 1; head A=B; body-end; idle" },
        { "a request cannot begin twice", { BEGIN(1), BEGIN(1) }, "begin 1; violation UNEXPECTED_RECORD" },
        { "a request cannot have the id of management", { BEGIN(0) }, "violation NULL_REQUEST_ID" },
        { "BEGIN_REQUEST with too little",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0") },
          "violation BEGIN_MALFORMED" },
        { "BEGIN_REQUEST with too much",
          { R(FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0\0\0") },
          "violation BEGIN_MALFORMED" },
        { "BEGIN_REQUEST with nothing", { R(FCGI_BEGIN_REQUEST, 1, "") }, "violation BEGIN_MALFORMED" },
        { "a second request is judged as well",
          { BEGIN(1), R(FCGI_BEGIN_REQUEST, 2, "") },
          "begin 1; violation BEGIN_MALFORMED" },

        { "the rest of an unknown request is ignored",
          { PARAMS(1, "\1\1AB"), PARAMS(1, ""), STDIN(1, "x"), STDIN(1, ""), R(FCGI_DATA, 1, "x"), BEGIN(1),
            PARAMS(1, "") },
          "begin 1; head" },
        { "an application's records with another id are ignored",
          { R(FCGI_END_REQUEST, 7, "12345678"), R(FCGI_STDOUT, 7, "x"), R(FCGI_STDERR, 7, "x"),
            R(FCGI_GET_VALUES_RESULT, 7, "x"), R(FCGI_UNKNOWN_TYPE, 7, "12345678") },
          "idle" },
        { "STDOUT from a web server", { BEGIN(1), R(FCGI_STDOUT, 1, "x") }, "begin 1; violation UNEXPECTED_RECORD" },
        { "STDERR from a web server", { BEGIN(1), R(FCGI_STDERR, 1, "") }, "begin 1; violation UNEXPECTED_RECORD" },
        { "END_REQUEST from a web server",
          { BEGIN(1), R(FCGI_END_REQUEST, 1, "12345678") },
          "begin 1; violation UNEXPECTED_RECORD" },
        { "GET_VALUES_RESULT in a request",
          { BEGIN(1), R(FCGI_GET_VALUES_RESULT, 1, "") },
          "begin 1; violation UNEXPECTED_RECORD" },
        { "UNKNOWN_TYPE in a request",
          { BEGIN(1), R(FCGI_UNKNOWN_TYPE, 1, "12345678") },
          "begin 1; violation UNEXPECTED_RECORD" },

        { "values are told between requests",
          { R(FCGI_GET_VALUES, 0, QUERY), BEGIN(1), PARAMS(1, "") },
          "reply values FCGI_MAX_REQS=7 FCGI_MPXS_CONNS=0; begin 1; head" },
        { "and within one",
          { BEGIN(1), PARAMS(1, ""), STDIN(1, "a"), R(FCGI_GET_VALUES, 0, QUERY), STDIN(1, "b") },
          "begin 1; head; body a; reply values FCGI_MAX_REQS=7 FCGI_MPXS_CONNS=0; body b" },
        { "whatever id asks",
          { R(FCGI_GET_VALUES, 9, QUERY) },
          "reply values FCGI_MAX_REQS=7 FCGI_MPXS_CONNS=0; idle" },
        { "an empty question has an empty answer", { R(FCGI_GET_VALUES, 0, "") }, "reply values; idle" },
        { "a question that ends inside a pair", { R(FCGI_GET_VALUES, 0, "\5") }, "violation VALUES_MALFORMED" },
        { "an unknown management record",
          { R(99, 0, "abc"), BEGIN(1), PARAMS(1, "") },
          "reply unknown 99; begin 1; head" },
        { "type 0 is unknown", { R(0, 0, "") }, "reply unknown 0; idle" },
        { "the first type behind the last", { R(12, 0, "") }, "reply unknown 12; idle" },
        { "the last type", { R(255, 0, "") }, "reply unknown 255; idle" },
        { "an unknown record of a request",
          { BEGIN(1), R(99, 1, "abc"), PARAMS(1, "") },
          "begin 1; reply unknown 99; head" },
        { "an unknown record of no request", { R(99, 5, "abc") }, "reply unknown 99; idle" },
        { "a request's record without a request id", { PARAMS(0, "\1\1AB") }, "reply unknown 4; idle" },
        { "UNKNOWN_TYPE is never answered", { R(FCGI_UNKNOWN_TYPE, 0, "12345678") }, "idle" },
        { "version 0", { { .type = FCGI_STDOUT, .content = "", .version = 255 } }, "violation VERSION" },
        { "version 2 within a request",
          { BEGIN(1), { .type = FCGI_PARAMS, .id = 1, .content = "", .version = 2 } },
          "begin 1; violation VERSION" },
};

static const struct fcgi_limits limits = { .params_max = 64, .max_reqs = 7 };

static void append_pairs(struct text *out, const uint8_t *block, size_t n) {
        struct fcgi_pair pair;
        size_t pos = 0;

        while (fcgi_params_next(block, n, &pos, &pair) == 1)
                text_printf(out, " %.*s=%.*s", (int)pair.n_name, pair.name, (int)pair.n_value, pair.value);
        assert_int_equal(pos, n);
}

static void append_reply(struct text *out, const struct fcgi_event *e) {
        struct fcgi_header h;

        fcgi_record_decode_header(e->reply, &h);
        assert_int_equal(h.version, FCGI_VERSION);
        assert_int_equal(FCGI_HEADER_SIZE + h.n_content + h.n_padding, e->n_reply);
        text_append(out, "reply ");
        if (h.type == FCGI_END_REQUEST)
                text_printf(out, "end %u %u %u", h.request_id, fcgi_record_read_u32(e->reply + 8), e->reply[12]);
        else if (h.type == FCGI_UNKNOWN_TYPE)
                text_printf(out, "unknown %u", e->reply[8]);
        else {
                assert_int_equal(h.type, FCGI_GET_VALUES_RESULT);
                text_append(out, "values");
                append_pairs(out, e->reply + FCGI_HEADER_SIZE, h.n_content);
        }
        if (e->close)
                text_append(out, " close");
}

static void append_event(struct text *out, const struct fcgi_decoder *d, const struct fcgi_event *e,
                         enum fcgi_event_type last) {
        bool goes_on = e->type == FCGI_EVENT_BODY && last == FCGI_EVENT_BODY;

        if (out->n > 0 && !goes_on)
                text_append(out, "; ");
        switch (e->type) {
        case FCGI_EVENT_BEGIN:
                assert_true(d->in_request && !d->head_done && !d->body_done && !d->aborted);
                text_printf(out, "begin %u%s", d->request_id, d->keep_conn ? " keep" : "");
                break;
        case FCGI_EVENT_HEAD:
                assert_true(d->head_done && !d->body_done);
                text_append(out, "head");
                append_pairs(out, d->params, d->n_params);
                break;
        case FCGI_EVENT_BODY:
                text_append(out, goes_on ? "" : "body ");
                text_append_n(out, e->data, e->n);
                break;
        case FCGI_EVENT_BODY_END:
                assert_true(d->body_done);
                text_append(out, "body-end");
                break;
        case FCGI_EVENT_ABORT:
                assert_true(d->aborted);
                text_append(out, "abort");
                break;
        case FCGI_EVENT_REPLY:
                append_reply(out, e);
                break;
        case FCGI_EVENT_VIOLATION:
                text_printf(out, "violation %s", talk_violation_name(e->violation));
                break;
        default:
                fail();
        }
}

struct hearing {
        struct fcgi_decoder d;
        struct text events;
        enum fcgi_event_type last;
        unsigned end_at;
};

/* One piece of input. False after a violation. */
static bool hear(struct hearing *h, const uint8_t *in, size_t n) {
        struct fcgi_event e;
        size_t used;

        for (;;) {
                assert_int_equal(fcgi_decoder_step(&h->d, in, n, &used, &e), 0);
                assert_true(used <= n);
                if (e.type == FCGI_EVENT_MORE) {
                        assert_int_equal(used, n);
                        return true;
                }
                if (e.type == FCGI_EVENT_BODY)
                        assert_true(e.n > 0 && e.data >= in && e.data + e.n == in + used);
                append_event(&h->events, &h->d, &e, h->last);
                h->last = e.type;
                if (h->end_at & (1U << e.type))
                        fcgi_decoder_end_request(&h->d);
                if (e.type == FCGI_EVENT_VIOLATION)
                        return false;
                in += used;
                n -= used;
        }
}

/* The talk cut at two positions at most; n_step > 0: cut everywhere. */
static void hold(const void *talk, const struct talk_bytes *b) {
        const struct talk *t = talk;
        struct hearing h = { .end_at = t->end_at ?: AT(BODY_END) | AT(ABORT) };
        bool fine;

        assert_int_equal(fcgi_decoder_init(&h.d, &limits), 0);
        assert_true(fcgi_decoder_idle(&h.d));
        fine = hear(&h, b->in, b->n_first);
        for (size_t at = b->n_first; fine && at < b->n; at += b->n_step)
                fine = hear(&h, b->in + at, MIN(b->n_step, b->n - at));
        if (fcgi_decoder_idle(&h.d) && fine)
                text_append(&h.events, h.events.n > 0 ? "; idle" : "idle");
        assert_string_equal(text_peek(&h.events), t->events);
        text_done(&h.events);
        fcgi_decoder_done(&h.d);
}

static void test_talks_whole_and_byte_by_byte_with_every_padding(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(talks); i++) {
                print_message("%s\n", talks[i].sentence);
                talk_whole_and_byte_by_byte(hold, &talks[i], talks[i].records);
        }
}

static void test_talks_cut_at_every_position(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(talks); i++)
                talk_cut_at_every_position(hold, &talks[i], talks[i].records);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_talks_whole_and_byte_by_byte_with_every_padding),
                cmocka_unit_test(test_talks_cut_at_every_position),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
