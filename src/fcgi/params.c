/* SPDX-License-Identifier: MIT */
/*
 * Name-value pairs. A pair is two lengths, then the bytes of the name, then those of the value, nothing in between. A
 * length takes one byte up to 127, else four with the top bit of the first one set.
 *
 * The block comes from a peer: each length is compared with what is left before it is used, and never added to another
 * one first. A reader walks the block in place; nothing is copied and nothing is terminated.
 */

#include "fcgi/params.h"

#include <assert.h>
#include <string.h>

static bool params_read_length(const uint8_t *block, size_t n, size_t *pos, size_t *ret) {
        const uint8_t *p = block + *pos;

        if (*pos >= n)
                return false;
        if (!(p[0] & FCGI_PARAMS_LENGTH_LONG)) {
                *ret = p[0];
                *pos += 1;
                return true;
        }
        if (n - *pos < 4)
                return false;
        *ret = (size_t)(p[0] & ~FCGI_PARAMS_LENGTH_LONG) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        *pos += 4;
        return true;
}

int fcgi_params_next_any(const uint8_t *block, size_t n, size_t *pos, struct fcgi_pair *ret) {
        size_t at = *pos, n_name, n_value;

        if (at >= n)
                return 0;
        if (!params_read_length(block, n, &at, &n_name) || !params_read_length(block, n, &at, &n_value))
                return FCGI_PARAMS_E_MALFORMED;
        if (n - at < n_name || n - at - n_name < n_value)
                return FCGI_PARAMS_E_MALFORMED;

        *ret = (struct fcgi_pair){
                .name = (const char *)block + at,
                .n_name = n_name,
                .value = (const char *)block + at + n_name,
                .n_value = n_value,
        };
        *pos = at + n_name + n_value;
        return 1;
}

bool fcgi_params_well_formed(const uint8_t *block, size_t n) {
        struct fcgi_pair pair;
        size_t pos = 0;
        int r;

        do
                r = fcgi_params_next(block, n, &pos, &pair);
        while (r == 1);
        return r == 0;
}

bool fcgi_params_find(const uint8_t *block, size_t n, const char *name, struct fcgi_pair *ret) {
        size_t n_name = strlen(name), pos = 0;
        struct fcgi_pair pair;
        bool found = false;

        while (fcgi_params_next(block, n, &pos, &pair) == 1) {
                if (pair.n_name != n_name || memcmp(pair.name, name, n_name) != 0)
                        continue;
                *ret = pair;
                found = true;
        }
        return found;
}

uint64_t fcgi_params_content_length(const char *value, size_t n) {
        uint64_t length = 0;

        for (size_t i = 0; i < n; i++) {
                if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(length, 10U, &length) ||
                    __builtin_add_overflow(length, (uint64_t)(value[i] - '0'), &length))
                        return FCGI_PARAMS_LENGTH_UNKNOWN;
        }
        return n > 0 && length <= INT64_MAX ? length : FCGI_PARAMS_LENGTH_UNKNOWN;
}

static size_t params_length_size(size_t length) {
        return length < FCGI_PARAMS_LENGTH_LONG ? 1 : 4;
}

size_t fcgi_params_encoded_size(size_t n_name, size_t n_value) {
        return params_length_size(n_name) + params_length_size(n_value) + n_name + n_value;
}

static uint8_t *params_write_length(uint8_t *out, size_t length) {
        assert(length <= FCGI_PARAMS_LENGTH_MAX);

        if (length < FCGI_PARAMS_LENGTH_LONG) {
                *out = (uint8_t)length;
                return out + 1;
        }
        out[0] = (uint8_t)(FCGI_PARAMS_LENGTH_LONG | length >> 24);
        out[1] = (uint8_t)(length >> 16);
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
        return out + 4;
}

static uint8_t *params_write_bytes(uint8_t *out, const char *data, size_t n) {
        if (n > 0) /* an empty value may be NULL, which memcpy must not see */
                memcpy(out, data, n);
        return out + n;
}

size_t fcgi_params_encode(uint8_t *out, const struct fcgi_pair *pair) {
        uint8_t *p;

        p = params_write_length(out, pair->n_name);
        p = params_write_length(p, pair->n_value);
        p = params_write_bytes(p, pair->name, pair->n_name);
        p = params_write_bytes(p, pair->value, pair->n_value);
        return (size_t)(p - out);
}
