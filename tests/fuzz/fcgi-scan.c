/* SPDX-License-Identifier: MIT */
/*
 * The scan against the decoder: what it says of bytes that come in pieces must be what the decoder makes of them. The
 * first byte seeds the sizes of the pieces; the rest is what a client sends.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/answer.h"
#include "fcgi/decoder.h"
#include "fcgi/scan.h"
#include "fuzz.h"

/* What the decoder tells of the first n bytes, up to the first event that ends the scan's interest: that one, or MORE.
 */
static struct fcgi_event decode(const uint8_t *in, size_t n, bool *ret_head) {
        const struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT };
        struct fcgi_decoder d;
        struct fcgi_event e;
        size_t used;

        *ret_head = false;
        if (fcgi_decoder_init(&d, &limits) < 0)
                abort();
        do {
                if (fcgi_decoder_step(&d, in, n, &used, &e) < 0)
                        abort();
                in += used;
                n -= used;
                *ret_head = *ret_head || e.type == FCGI_EVENT_HEAD;
        } while (e.type == FCGI_EVENT_BEGIN || e.type == FCGI_EVENT_HEAD || e.type == FCGI_EVENT_BODY);
        fcgi_decoder_done(&d);
        return e;
}

/* The decoder looks at the parameters when they end. The scan does not, and has whoever reads them find that out. */
static bool is_of_params(const struct fcgi_event *e, bool head) {
        return !head && e->violation == FCGI_VIOLATION_PARAMS_MALFORMED;
}

/* Who has no decoder that has seen all of it says the same. GET_VALUES may be malformed. */
static void compare_answer(const struct fcgi_scan *s, const struct fcgi_event *e, const uint8_t *in, size_t n) {
        const struct fcgi_limits limits = { .params_max = FCGI_PARAMS_MAX_DEFAULT };
        struct fcgi_answer answer;
        int r;

        assert(e->type == FCGI_EVENT_REPLY || e->type == FCGI_EVENT_VIOLATION);
        r = fcgi_answer(s, in, n, &limits, &answer);
        assert(r == (e->type == FCGI_EVENT_REPLY ? 0 : FCGI_ANSWER_E_VIOLATION));
        assert(answer.n == e->n_reply && answer.close == e->close && answer.violation == e->violation);
}

static void compare(const struct fcgi_scan *s, enum fcgi_scan_verdict verdict, const uint8_t *in, size_t n) {
        bool head;
        struct fcgi_event e = decode(in, n, &head);
        enum fcgi_event_type type = e.type;

        switch (verdict) {
        case FCGI_SCAN_WHOLE:
                if (!head)
                        assert(type == FCGI_EVENT_VIOLATION);
                else
                        assert(type == FCGI_EVENT_BODY_END || ((s->no_body || s->enough) && type == FCGI_EVENT_MORE));
                break;
        case FCGI_SCAN_TAKE:
                assert(type == FCGI_EVENT_ABORT || type == FCGI_EVENT_VIOLATION);
                break;
        case FCGI_SCAN_ANSWER:
                if (!is_of_params(&e, head))
                        compare_answer(s, &e, in, n);
                break;
        case FCGI_SCAN_MORE:
                /* records that are answered are waited for to the end of their padding */
                assert(type == FCGI_EVENT_MORE || type == FCGI_EVENT_REPLY ||
                       e.violation == FCGI_VIOLATION_VALUES_MALFORMED);
        }
}

/* The bytes so far in memory of their own size, so that a look over their end is seen. */
static enum fcgi_scan_verdict look(struct fcgi_scan *s, const uint8_t *in, size_t n) {
        _cleanup_free_ uint8_t *copy = malloc(MAX(n, (size_t)1));

        if (!copy)
                abort();
        memcpy(copy, in, n);
        return fcgi_scan(s, copy, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        enum fcgi_scan_verdict verdict = FCGI_SCAN_MORE;
        struct fcgi_scan s = {};
        size_t at = 0;
        uint32_t seed;

        if (n < 1)
                return 0;
        seed = data[0] * 2654435761U | 1;
        data++;
        n--;
        while (verdict == FCGI_SCAN_MORE && at < n) {
                at += data[-1] > 0 ? MIN((size_t)(seed >> 16) % 23 + 1, n - at) : n;
                seed = seed * 1103515245 + 12345;
                verdict = look(&s, data, at);
        }
        compare(&s, verdict, data, at);
        assert(look(&s, data, at) == verdict);
        return 0;
}
