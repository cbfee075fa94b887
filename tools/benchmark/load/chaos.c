/* SPDX-License-Identifier: MIT */
/*
 * Pure. Most requests are like any other, so that the rare ones meet a server at work. The generator is splitmix64
 * (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), which makes a good stream of any seed.
 */

#include "chaos.h"

#include "base/macros.h"
#include "fcgi/record.h"

uint64_t load_chaos_random(uint64_t *state) {
        uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
}

static uint64_t chaos_below(uint64_t *state, uint64_t n) {
        return load_chaos_random(state) % n;
}

static bool chaos_one_in(uint64_t *state, unsigned n) {
        return chaos_below(state, n) == 0;
}

/* Small sizes are as frequent as large ones: the number of digits is drawn first. */
static size_t chaos_draw_size(uint64_t *state, size_t max) {
        uint64_t bits = chaos_below(state, 65U - (unsigned)__builtin_clzll(max));

        return (size_t)MIN(chaos_below(state, 1ULL << bits), (uint64_t)max);
}

static void chaos_draw_sending(struct load_plan *p) {
        if (!chaos_one_in(&p->random, 3))
                return;
        p->piece_max = 1 + chaos_draw_size(&p->random, 512) + p->n_body / 20;
        if (!chaos_one_in(&p->random, 4))
                return;
        p->pause_max = chaos_below(&p->random, 3 * 1000 * 1000);
        p->piece_max += 64; /* or a request would take a second */
}

static void chaos_draw_abort(struct load_plan *p) {
        static const enum load_abort kinds[] = { LOAD_ABORT_RECORD, LOAD_ABORT_CLOSE, LOAD_ABORT_CLOSE_READING };

        if (!chaos_one_in(&p->random, 16))
                return;
        p->abort = kinds[chaos_below(&p->random, ELEMENTSOF(kinds))];
        p->abort_per_mille = (uint32_t)chaos_below(&p->random, 1001);
}

static void chaos_draw_reading(struct load_plan *p) {
        if (!chaos_one_in(&p->random, 32))
                return;
        p->read_max = 512 + chaos_draw_size(&p->random, 16384) + p->n_filler / 20;
        p->read_pause = chaos_below(&p->random, 2 * 1000 * 1000);
}

void load_chaos_plan(uint64_t seed, uint64_t number, struct load_plan *ret) {
        struct load_plan p = { .random = seed ^ (number * 0xd1342543de82ef95ULL) };

        p.keep = chaos_one_in(&p.random, 2);
        if (chaos_one_in(&p.random, 2))
                p.n_body = 1 + chaos_draw_size(&p.random, chaos_one_in(&p.random, 8) ? LOAD_CHAOS_BODY_MAX - 1 : 8191);
        p.n_filler = chaos_draw_size(&p.random, chaos_one_in(&p.random, 8) ? LOAD_CHAOS_FILLER_MAX : 4096);
        chaos_draw_sending(&p);
        chaos_draw_abort(&p);
        chaos_draw_reading(&p);
        *ret = p;
}

size_t load_chaos_boundary(const uint8_t *request, size_t n, size_t at) {
        size_t boundary = 0, next = 0;

        while (next <= MIN(at, n)) {
                struct fcgi_header header;

                boundary = next;
                if (n - next < FCGI_HEADER_SIZE)
                        break;
                fcgi_record_decode_header(request + next, &header);
                next += FCGI_HEADER_SIZE + header.n_content + header.n_padding;
        }
        return boundary;
}

size_t load_chaos_body(const uint8_t *records, size_t n) {
        struct fcgi_header header;
        size_t n_body = 0;

        for (size_t at = 0; at < n; at += FCGI_HEADER_SIZE + header.n_content + header.n_padding) {
                fcgi_record_decode_header(records + at, &header);
                if (header.type == FCGI_STDIN)
                        n_body += header.n_content;
        }
        return n_body;
}
