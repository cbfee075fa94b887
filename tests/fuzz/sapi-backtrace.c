/* SPDX-License-Identifier: MIT */
/*
 * A backtrace of a process whose memory is the input: whatever stands there, and even if it changes from one read to
 * the next, the walk ends, and gives bounded text made of its own lines.
 */

#include <assert.h>
#include <string.h>

#include "sapi/compat.h" /* before base/macros.h */

#include "base/macros.h"
#include "fuzz.h"
#include "sapi/backtrace.h"

/* The first bytes say how; the rest is memory, from BASE on. */
#define HEAD 3U
#define BASE 4096U

/* Frames, and for each of them and for each line a few reads. */
#define READS_MAX (2048U * 8U + 256U * 8U)

struct remote {
        const uint8_t *memory;
        size_t n;
        bool endless;        /* the memory repeats itself, so that every address is one */
        uint8_t change;      /* added to what is read, once more with each read */
        unsigned fail_after; /* reads that succeed; 0: all */
        unsigned n_reads;
};

static bool remote_read(void *ctx, uintptr_t address, void *buf, size_t n) {
        struct remote *r = ctx;
        uint8_t *out = buf;
        size_t at = address - BASE;

        r->n_reads++;
        if (r->n == 0 || address < BASE || (r->fail_after > 0 && r->n_reads > r->fail_after))
                return false;
        if (!r->endless && (at > r->n || n > r->n - at))
                return false;
        for (size_t i = 0; i < n; i++)
                out[i] = (uint8_t)(r->memory[(at + i) % r->n] + r->change * r->n_reads);
        return true;
}

/* "[0x0000000000001000] name() place:7" */
static void check_line(const char *line, size_t n) {
        assert(n > 22 && memcmp(line, "[0x", 3) == 0 && line[19] == ']' && line[20] == ' ');
        assert(line[n - 1] >= '0' && line[n - 1] <= '9');
        for (size_t i = 0; i < n; i++)
                assert((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct remote remote = {};
        const struct sapi_backtrace_reader reader = { .read = remote_read, .ctx = &remote };
        _cleanup_text_ struct text out = {};
        const char *line, *end;

        if (n < HEAD)
                return 0;
        remote = (struct remote){ .memory = data + HEAD,
                                  .n = n - HEAD,
                                  .endless = data[1] & 1,
                                  .change = data[1] & 2 ? 8 : 0,
                                  .fail_after = data[2] };
        sapi_backtrace_walk(&reader, BASE, data[0], &out);
        assert(!out.failed && out.n <= 64U * 1024U);
        assert(remote.n_reads <= READS_MAX);
        for (line = text_peek(&out); *line; line = end + 1) {
                end = strchr(line, '\n');
                assert(end);
                check_line(line, (size_t)(end - line));
        }
        return 0;
}
