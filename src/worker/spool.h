/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Bytes of a body that came before the script asked for them: in memory up to a bound, in a file without a name above
 * it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_MEMORY_MAX 262144U

struct spool {
        int fd;        /* -1: all of it is in memory */
        uint8_t *data; /* or NULL */
        size_t size;   /* allocated there */
        uint64_t n;    /* bytes written, those that were read included */
        uint64_t pos;  /* bytes read */
};

/* Empty, and holds nothing. */
void spool_init(struct spool *s);

/* Forgets all, and gives back what holds it. */
void spool_clear(struct spool *s);

static inline uint64_t spool_pending(const struct spool *s) {
        return s->n - s->pos;
}

/* Puts n bytes behind those that are there. folder: where a file is made when memory is not enough. 0, or -errno, and
 * nothing has changed: -ENOSPC, -ENOMEM, -EACCES and so on. */
int spool_add(struct spool *s, const void *data, size_t n, const char *folder);

/* Takes up to n bytes. How many, 0 when there are none, or -errno. */
ssize_t spool_take(struct spool *s, void *buf, size_t n);
