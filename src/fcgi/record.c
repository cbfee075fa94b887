/* SPDX-License-Identifier: MIT */
/*
 * Records as bytes, and the cursor both decoders stand on. The cursor knows about splits and padding so that nothing
 * above it has to: a header may arrive byte by byte, content comes out as slices of whatever buffer it came in, and
 * padding is skipped before the next header is read, never waited for.
 */

#include "fcgi/record.h"

#include <assert.h>
#include <string.h>

#include "base/macros.h"

uint16_t fcgi_record_read_u16(const uint8_t in[static 2]) {
        return (uint16_t)(in[0] << 8 | in[1]);
}

uint32_t fcgi_record_read_u32(const uint8_t in[static 4]) {
        return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void fcgi_record_write_u16(uint8_t out[static 2], uint16_t v) {
        out[0] = (uint8_t)(v >> 8);
        out[1] = (uint8_t)v;
}

void fcgi_record_write_u32(uint8_t out[static 4], uint32_t v) {
        fcgi_record_write_u16(out, (uint16_t)(v >> 16));
        fcgi_record_write_u16(out + 2, (uint16_t)v);
}

void fcgi_record_decode_header(const uint8_t in[static FCGI_HEADER_SIZE], struct fcgi_header *ret) {
        *ret = (struct fcgi_header){
                .version = in[0],
                .type = in[1],
                .request_id = fcgi_record_read_u16(in + 2),
                .n_content = fcgi_record_read_u16(in + 4),
                .n_padding = in[6],
        };
}

void fcgi_record_encode_header(uint8_t out[static FCGI_HEADER_SIZE], const struct fcgi_header *h) {
        out[0] = FCGI_VERSION;
        out[1] = h->type;
        fcgi_record_write_u16(out + 2, h->request_id);
        fcgi_record_write_u16(out + 4, h->n_content);
        out[6] = h->n_padding;
        out[7] = 0;
}

static void record_advance(struct fcgi_slice *in, size_t n) {
        in->data += n;
        in->n -= n;
}

bool fcgi_record_open(struct fcgi_record *r, struct fcgi_slice *in) {
        size_t n;

        assert(r->n_left == 0);

        if (in->n == 0)
                return false;
        n = MIN(r->n_padding, in->n);
        r->n_padding -= n;
        record_advance(in, n);

        n = MIN(sizeof(r->raw) - r->n_raw, in->n);
        memcpy(r->raw + r->n_raw, in->data, n);
        r->n_raw += n;
        record_advance(in, n);
        if (r->n_raw < sizeof(r->raw))
                return false;

        fcgi_record_decode_header(r->raw, &r->header);
        r->n_left = r->header.n_content;
        r->n_padding = r->header.n_padding;
        r->n_raw = 0;
        return true;
}

bool fcgi_record_take(struct fcgi_record *r, struct fcgi_slice *in, struct fcgi_slice *ret) {
        size_t n = MIN(r->n_left, in->n);

        if (n == 0)
                return false;
        *ret = (struct fcgi_slice){ .data = in->data, .n = n };
        r->n_left -= n;
        record_advance(in, n);
        return true;
}

bool fcgi_record_between(const struct fcgi_record *r) {
        return r->n_left == 0 && r->n_padding == 0 && r->n_raw == 0;
}
