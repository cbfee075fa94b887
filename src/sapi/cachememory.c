/* SPDX-License-Identifier: MIT */
/*
 * Opcache's shared memory, in pieces that a fork has at once. A fork has page tables for what its parent has written,
 * and none for what both share: it faults for each 64 KiB of that anew, which is a quarter of all faults of a fork that
 * serves one request. Of 2 MiB that lie together it is one fault, and the kernel lays them together when it is asked to
 * (from 6.1 on), if they begin at a multiple of 2 MiB. So opcache, whose calls of mmap() are ours (import.c), gets
 * memory that begins there.
 *
 * What cannot be done stays as it is.
 */

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "log/log.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#ifndef MAP_32BIT /* of x86-64 alone */
#define MAP_32BIT 0
#endif

#define CACHEMEMORY_PIECE ((size_t)2 << 20)

static struct {
        char *from;
        size_t size; /* 0: opcache has none, or it lies anywhere */
} cachememory;

static void *cachememory_align(const void *p) {
        return (void *)(((uintptr_t)p + CACHEMEMORY_PIECE - 1) & ~(CACHEMEMORY_PIECE - 1));
}

/* Where so much is free, and begins as it should. This process has one thread. */
static void *cachememory_look(size_t size, int prot, int flags) {
        void *p = mmap(NULL, size + CACHEMEMORY_PIECE, prot, flags, -1, 0);

        if (p == MAP_FAILED)
                return NULL;
        munmap(p, size + CACHEMEMORY_PIECE);
        return cachememory_align(p);
}

/* mmap(2), for opcache. It chooses the place itself in some versions of PHP (8.4), which begins as it should too. */
static void *cachememory_map(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
        const int kind = flags & ~(MAP_32BIT | MAP_FIXED);
        void *place = NULL, *p;

        if (size < CACHEMEMORY_PIECE || kind != (MAP_SHARED | MAP_ANONYMOUS))
                return mmap(at, size, prot, flags, fd, offset);
        if (!at)
                place = cachememory_look(size, prot, flags);
        p = place ? mmap(place, size, prot, kind | MAP_FIXED_NOREPLACE, -1, 0) : MAP_FAILED;
        if (p == MAP_FAILED)
                p = mmap(at, size, prot, flags, fd, offset);
        /* The last one: those before it were trials. */
        cachememory.from = p;
        cachememory.size = p != MAP_FAILED && cachememory_align(p) == p ? size : 0;
        return p;
}

void sapi_cachememory_start(void) {
        (void)sapi_import_replace("opcache.so", "mmap", (void (*)(void))cachememory_map);
        (void)sapi_import_replace("opcache.so", "mmap64", (void (*)(void))cachememory_map);
}

/* A half of it is in use: others would take memory for nothing. */
static bool cachememory_is_filled(void *piece) {
        unsigned char there[CACHEMEMORY_PIECE / 4096];
        size_t n = 0, n_pages = CACHEMEMORY_PIECE / (size_t)sysconf(_SC_PAGESIZE);

        if (n_pages > sizeof(there) || mincore(piece, CACHEMEMORY_PIECE, there) < 0)
                return false;
        for (size_t i = 0; i < n_pages; i++)
                n += there[i] & 1;
        return n >= n_pages / 2;
}

void sapi_cachememory_gather(void) {
        size_t n = 0;

        for (size_t at = 0; at + CACHEMEMORY_PIECE <= cachememory.size; at += CACHEMEMORY_PIECE)
                n += cachememory_is_filled(cachememory.from + at) &&
                     madvise(cachememory.from + at, CACHEMEMORY_PIECE, MADV_COLLAPSE) == 0;
        log_debug("%zu pieces of opcache's memory lie together", n);
}
