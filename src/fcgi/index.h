/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where each pair of a block of parameters is, found in one walk over it: for those who look several up, or all.
 * Nothing is copied: name and value stay in the block, and become strings there.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FCGI_INDEX_BUCKETS_BITS 7
#define FCGI_INDEX_BUCKETS      (1U << FCGI_INDEX_BUCKETS_BITS)

struct fcgi_index_entry {
        char *name;  /* not terminated, up to fcgi_index_end() */
        char *value; /* not terminated, up to that, or fcgi_index_value() */
        uint32_t n_name;
        uint32_t n_value;
        uint32_t older;  /* in its bucket: place + 1; 0: it is the first */
        uint32_t bucket; /* its own */
};

/* All zero it is an empty one. The memory of entries is used again. */
struct fcgi_index {
        struct fcgi_index_entry *entries; /* in the order of the block */
        size_t n;
        size_t size;                          /* allocated */
        uint32_t buckets[FCGI_INDEX_BUCKETS]; /* the newest of each: place + 1 */
        uint32_t *shown;                      /* what at() says of each of many: place + 1; NULL: nobody has asked */
};

/* Reads a block, which must stay where it is as long as the index is asked, and be writable with one byte behind it. 0;
 * FCGI_PARAMS_E_MALFORMED: it ends inside a pair; -ENOMEM: both leave the index empty. It takes up to 32 * n bytes. */
int fcgi_index_read(struct fcgi_index *x, uint8_t *block, size_t n);

/* Forgets the pairs; memory for more than a request usually has is given back. */
void fcgi_index_clear(struct fcgi_index *x);
void fcgi_index_done(struct fcgi_index *x);

/* By the name's length, its last four bytes and its first one. Inline: most names are known when this is compiled. */
static inline uint32_t fcgi_index_bucket(const char *name, size_t n) {
        uint32_t h = 0;

        if (n >= sizeof(h)) {
                memcpy(&h, name + n - sizeof(h), sizeof(h));
                h ^= (uint32_t)(uint8_t)name[0] << 8;
        } else
                memcpy(&h, name, n);
        return (h + (uint32_t)n) * 0x9e3779b1U >> (32 - FCGI_INDEX_BUCKETS_BITS);
}

/* The last pair with that name, or NULL; of that bucket. */
struct fcgi_index_entry *fcgi_index_find_in(const struct fcgi_index *x, uint32_t bucket, const char *name, size_t n);
static inline struct fcgi_index_entry *fcgi_index_find(const struct fcgi_index *x, const char *name, size_t n) {
        return fcgi_index_find_in(x, fcgi_index_bucket(name, n), name, n);
}

/* For those who go through all names, each once. Where the i-th pair is the first of its name: the last of that name,
 * as find() says; else NULL. */
struct fcgi_index_entry *fcgi_index_at(struct fcgi_index *x, size_t i);

/* The value as a string. What follows a NUL in it is there, behind that. From here on nobody can walk the block. */
static inline char *fcgi_index_value(struct fcgi_index_entry *e) {
        e->value[e->n_value] = '\0'; /* over a length of the next pair, or behind the block */
        return e->value;
}

/* Name and value as strings. */
void fcgi_index_end(struct fcgi_index_entry *e);
