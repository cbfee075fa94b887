/* SPDX-License-Identifier: MIT */
/*
 * The decoder's judgements (decoder.c) by headers alone. Where the two could differ the scan waits for more: it never
 * calls whole what the decoder would not end (but for the end of STDIN, when CONTENT_LENGTH has told that nothing comes
 * before it), and never waits for bytes that the decoder would not read. What the parameters say is looked at only when
 * the end of STDIN is not there: a whole request goes to the decoder anyway.
 */

#include "fcgi/scan.h"

#include <string.h>

#include "base/macros.h"
#include "fcgi/params.h"
#include "fcgi/record.h"
#include "fcgi/values.h"

/* A buffer is scanned up to this size; parameters are then no larger. */
#define SCAN_PARAMS_MAX 65536U

/* The parameters in one piece, those of the request between its BEGIN and s->at. How many bytes, or more than
 * SCAN_PARAMS_MAX. */
static size_t scan_gather(const struct fcgi_scan *s, const uint8_t *buf, uint8_t block[static SCAN_PARAMS_MAX]) {
        struct fcgi_header h;
        size_t n = 0;

        for (size_t at = s->first; at < s->at; at += FCGI_HEADER_SIZE + h.n_content + h.n_padding) {
                fcgi_record_decode_header(buf + at, &h);
                if (h.type != FCGI_PARAMS || h.request_id != s->request_id)
                        continue;
                if (h.n_content > SCAN_PARAMS_MAX - n)
                        return SCAN_PARAMS_MAX + 1;
                memcpy(block + n, buf + at + FCGI_HEADER_SIZE, h.n_content);
                n += h.n_content;
        }
        return n;
}

static bool scan_method_is(const struct fcgi_pair *method, const char *name) {
        return method->n_value == strlen(name) && memcmp(method->value, name, method->n_value) == 0;
}

/* CONTENT_LENGTH is 0; or it is not there, and the method is one that has no body, or the role, whose requests have no
 * STDIN (section 6.3). */
static bool scan_has_no_body(const uint8_t *block, size_t n, bool authorizes) {
        struct fcgi_pair pair;

        if (fcgi_params_find(block, n, "CONTENT_LENGTH", &pair) && pair.n_value > 0)
                return fcgi_params_content_length(pair.value, pair.n_value) == 0;
        return authorizes || (fcgi_params_find(block, n, "REQUEST_METHOD", &pair) &&
                              (scan_method_is(&pair, "GET") || scan_method_is(&pair, "HEAD")));
}

static uint64_t scan_length(const uint8_t *block, size_t n) {
        struct fcgi_pair pair;

        if (!fcgi_params_find(block, n, "CONTENT_LENGTH", &pair))
                return FCGI_PARAMS_LENGTH_UNKNOWN;
        return fcgi_params_content_length(pair.value, pair.n_value);
}

/* PARAMS has ended and STDIN has not. A function of its own: the block is large, and most requests do not get here. */
__attribute__((__noinline__)) static enum fcgi_scan_verdict scan_head(struct fcgi_scan *s, const uint8_t *buf,
                                                                      size_t n) {
        uint8_t block[SCAN_PARAMS_MAX];
        size_t n_block = scan_gather(s, buf, block);

        if (n_block > SCAN_PARAMS_MAX)
                return FCGI_SCAN_MORE;
        if (!fcgi_params_well_formed(block, n_block))
                return FCGI_SCAN_TAKE;
        s->no_body = s->at >= n && scan_has_no_body(block, n_block, s->authorizes);
        s->length = scan_length(block, n_block);
        return FCGI_SCAN_MORE;
}

static enum fcgi_scan_verdict scan_begin(struct fcgi_scan *s, const struct fcgi_header *h, const uint8_t *content,
                                         size_t n) {
        if (h->request_id == FCGI_NULL_REQUEST_ID || h->n_content != FCGI_BODY_SIZE ||
            (s->in_request && h->request_id == s->request_id))
                return FCGI_SCAN_TAKE;
        if (n < h->n_content)
                return FCGI_SCAN_MORE;
        if (s->in_request || !fcgi_record_serves_role(fcgi_record_read_u16(content)))
                return FCGI_SCAN_ANSWER;
        s->in_request = true;
        s->head_done = s->head_checked = s->no_body = s->enough = false;
        s->length = FCGI_PARAMS_LENGTH_UNKNOWN;
        s->n_body = 0;
        s->request_id = h->request_id;
        s->authorizes = fcgi_record_read_u16(content) == FCGI_AUTHORIZER;
        s->first = s->at;
        return FCGI_SCAN_MORE;
}

/* A record of the request that has begun. */
static enum fcgi_scan_verdict scan_current(struct fcgi_scan *s, const struct fcgi_header *h) {
        switch (h->type) {
        case FCGI_PARAMS:
                if (s->head_done)
                        return FCGI_SCAN_TAKE;
                s->head_done = h->n_content == 0;
                return FCGI_SCAN_MORE;
        case FCGI_STDIN:
                if (!s->head_done)
                        return FCGI_SCAN_TAKE;
                s->n_body += h->n_content;
                return h->n_content == 0 ? FCGI_SCAN_WHOLE : FCGI_SCAN_MORE;
        case FCGI_DATA:
                return FCGI_SCAN_MORE;
        default:
                return FCGI_SCAN_TAKE;
        }
}

/* One record, whose header is there and n bytes behind it. Not MORE: it is not to be got over. */
static enum fcgi_scan_verdict scan_record(struct fcgi_scan *s, const struct fcgi_header *h, const uint8_t *content,
                                          size_t n) {
        bool known = h->type >= FCGI_BEGIN_REQUEST && h->type <= FCGI_UNKNOWN_TYPE;

        if (h->version != FCGI_VERSION)
                return FCGI_SCAN_TAKE;
        if (h->type == FCGI_BEGIN_REQUEST)
                return scan_begin(s, h, content, n);
        if (h->type == FCGI_GET_VALUES)
                return h->n_content > FCGI_VALUES_QUERY_MAX ? FCGI_SCAN_TAKE : FCGI_SCAN_ANSWER;
        if (!known || h->request_id == FCGI_NULL_REQUEST_ID)
                return h->type == FCGI_UNKNOWN_TYPE ? FCGI_SCAN_MORE : FCGI_SCAN_ANSWER;
        if (s->in_request && h->request_id == s->request_id)
                return scan_current(s, h);
        if (h->request_id == s->answered)
                s->answered_over |= h->type == FCGI_ABORT_REQUEST || (h->type == FCGI_STDIN && h->n_content == 0);
        return FCGI_SCAN_MORE;
}

enum fcgi_scan_verdict fcgi_scan(struct fcgi_scan *s, const uint8_t *buf, size_t n) {
        while (n >= FCGI_HEADER_SIZE && s->at <= n - FCGI_HEADER_SIZE) {
                enum fcgi_scan_verdict verdict;
                struct fcgi_header h;
                size_t size, have = n - s->at;

                fcgi_record_decode_header(buf + s->at, &h);
                size = FCGI_HEADER_SIZE + h.n_content + h.n_padding;
                verdict = scan_record(s, &h, buf + s->at + FCGI_HEADER_SIZE, have - FCGI_HEADER_SIZE);
                if (verdict == FCGI_SCAN_ANSWER && have < size)
                        break;
                if (verdict != FCGI_SCAN_MORE)
                        return verdict;
                if (h.type == FCGI_BEGIN_REQUEST && have < FCGI_HEADER_SIZE + FCGI_BODY_SIZE)
                        break; /* its body decides */
                s->at += size;
        }
        if (s->head_done && !s->head_checked) {
                enum fcgi_scan_verdict verdict = scan_head(s, buf, n);

                s->head_checked = verdict != FCGI_SCAN_TAKE;
                if (!s->head_checked)
                        return verdict;
        }
        s->enough |= s->head_checked && s->at == n && s->n_body > 0 && s->n_body >= s->length;
        return s->no_body || s->enough ? FCGI_SCAN_WHOLE : FCGI_SCAN_MORE;
}

void fcgi_scan_remove(struct fcgi_scan *s, uint8_t *buf, size_t *n) {
        struct fcgi_header h;
        size_t size;

        fcgi_record_decode_header(buf + s->at, &h);
        size = FCGI_HEADER_SIZE + h.n_content + h.n_padding;
        memmove(buf + s->at, buf + s->at + size, *n - s->at - size);
        *n -= size;
}
