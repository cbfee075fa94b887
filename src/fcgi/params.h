/* SPDX-License-Identifier: MIT */
#pragma once
/* Name-value pairs, FastCGI 1.0 section 3.4: reading a block, and writing one (for the client in fpmctl). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name, and the longest value, that a pair can hold. */
#define FCGI_PARAMS_LENGTH_MAX 0x7fffffffU

#define FCGI_PARAMS_LENGTH_LONG 0x80U /* top bit of a length's first byte: it has four bytes */

struct fcgi_pair {
        const char *name; /* not NUL-terminated */
        size_t n_name;
        const char *value; /* not NUL-terminated */
        size_t n_value;
};

/* Reads the pair at *pos and moves *pos behind it. 1: a pair; 0: the block has ended; FCGI_PARAMS_E_MALFORMED (*pos and
 * *ret are untouched): the block ends inside the pair. */
enum { FCGI_PARAMS_E_MALFORMED = 2 };
int fcgi_params_next_any(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret);

static inline int fcgi_params_next_slowly(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret) {
        struct fcgi_pair pair;
        size_t at = *pos;
        int r = fcgi_params_next_any(block, n, &at, &pair);

        if (r == 1) {
                *pos = at;
                *ret = pair;
        }
        return r;
}

/* The same. Nearly all pairs have two short lengths, and that case is here, to be inlined. The other one has variables
 * of its own, so that the caller's need not be in memory. */
static inline int fcgi_params_next(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret) {
        size_t at = *pos, n_name, n_value;

        if (at >= n)
                return 0;
        if (n - at < 2 || ((block[at] | block[at + 1]) & FCGI_PARAMS_LENGTH_LONG))
                return fcgi_params_next_slowly(block, n, pos, ret);
        n_name = block[at];
        n_value = block[at + 1];
        at += 2;
        if (n - at < n_name + n_value)
                return FCGI_PARAMS_E_MALFORMED;
        ret->name = (const char *)block + at;
        ret->n_name = n_name;
        ret->value = ret->name + n_name;
        ret->n_value = n_value;
        *pos = at + n_name + n_value;
        return 1;
}

/* True when the block consists of whole pairs. */
bool fcgi_params_well_formed(const uint8_t *block, size_t n);

/* The value of the last pair with that name, or false. A malformed block is searched up to its first broken pair. */
bool fcgi_params_find(const uint8_t *block, size_t n, const char *name, struct fcgi_pair *ret);

/* The value of CONTENT_LENGTH. FCGI_PARAMS_LENGTH_UNKNOWN for what is no number of bytes: nothing, a sign, blanks,
 * letters, more than an off_t holds. Caddy sends -1 for a body whose length it does not know. Such a body ends where
 * FCGI_STDIN does, as one without the parameter. */
#define FCGI_PARAMS_LENGTH_UNKNOWN UINT64_MAX
uint64_t fcgi_params_content_length(const char *value, size_t n);

/* Bytes the pair takes when encoded; and the encoding, which writes exactly that many. Lengths are at most
 * FCGI_PARAMS_LENGTH_MAX. */
size_t fcgi_params_encoded_size(size_t n_name, size_t n_value);
size_t fcgi_params_encode(uint8_t *out, const struct fcgi_pair *pair);
