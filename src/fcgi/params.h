/* SPDX-License-Identifier: MIT */
#pragma once
/* Name-value pairs, FastCGI 1.0 section 3.4: reading a block, and writing one (for the client in fpmctl). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name, and the longest value, that a pair can hold. */
#define FCGI_PARAMS_LENGTH_MAX 0x7fffffffU

struct fcgi_pair {
        const char *name; /* not NUL-terminated */
        size_t n_name;
        const char *value; /* not NUL-terminated */
        size_t n_value;
};

/* Reads the pair at *pos and moves *pos behind it. 1: a pair; 0: the block has ended; FCGI_PARAMS_E_MALFORMED (*pos and
 * *ret are untouched): the block ends inside the pair. */
enum { FCGI_PARAMS_E_MALFORMED = 2 };
int fcgi_params_next(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret);

/* True when the block consists of whole pairs. */
bool fcgi_params_well_formed(const uint8_t *block, size_t n);

/* The value of the last pair with that name, or false. A malformed block is searched up to its first broken pair. */
bool fcgi_params_find(const uint8_t *block, size_t n, const char *name, struct fcgi_pair *ret);

/* Bytes the pair takes when encoded; and the encoding, which writes exactly that many. Lengths are at most
 * FCGI_PARAMS_LENGTH_MAX. */
size_t fcgi_params_encoded_size(size_t n_name, size_t n_value);
size_t fcgi_params_encode(uint8_t *out, const char *name, size_t n_name, const char *value, size_t n_value);
