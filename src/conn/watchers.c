/* SPDX-License-Identifier: MIT */
#include "conn/watchers.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/fd.h"
#include "base/macros.h"

#define WATCHERS_BITS 64U

/* A bit for each worker; [true]: with a connection in hand. */
struct watchers_word {
        _Atomic(uint64_t) watching[2];
        _Atomic(uint64_t) resting[2];
};

struct watchers {
        int bells[2];
        int parent[2]; /* a pipe, of which the zygote alone has the write end */
        uint32_t n_slots;
        uint32_t n_enough;        /* when so many watch, more rest */
        uint32_t n_least;         /* when fewer do, one that rests is called */
        _Atomic(uint32_t) n_used; /* words from this one on have never been written */
        struct watchers_word words[];
};

static int watchers_open(struct watchers *r) {
        for (int holding = 0; holding < 2; holding++) {
                r->bells[holding] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (r->bells[holding] < 0)
                        return -errno;
        }
        return pipe2(r->parent, O_CLOEXEC) < 0 ? -errno : 0;
}

struct watchers *watchers_new(uint32_t n_slots, uint32_t n_enough) {
        size_t size = sizeof(struct watchers) + (n_slots / WATCHERS_BITS + 1) * sizeof(struct watchers_word);
        struct watchers *r = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (r == MAP_FAILED)
                return NULL;
        r->bells[0] = r->bells[1] = r->parent[0] = r->parent[1] = -1;
        r->n_slots = n_slots;
        r->n_enough = n_enough;
        r->n_least = (n_enough + 1) / 2;
        if (watchers_open(r) == 0)
                return r;
        fd_close(r->bells[0]);
        fd_close(r->bells[1]);
        munmap(r, size);
        return NULL;
}

void watchers_after_fork(struct watchers *r) {
        if (r)
                fd_close(r->parent[1]);
}

int watchers_parent(const struct watchers *r) {
        return r ? r->parent[0] : -1;
}

int watchers_bell(const struct watchers *r, bool holding) {
        return r ? r->bells[holding] : -1;
}

static bool watchers_has(const struct watchers *r, uint32_t slot) {
        return r && slot < r->n_slots;
}

static struct watchers_word *watchers_word(struct watchers *r, uint32_t slot) {
        atomic_raise(&r->n_used, slot / WATCHERS_BITS + 1);
        return &r->words[slot / WATCHERS_BITS];
}

static void watchers_set(_Atomic(uint64_t) *bits, uint32_t slot) {
        atomic_fetch_or(bits, (uint64_t)1 << slot % WATCHERS_BITS);
}

/* True when it was set. */
static bool watchers_clear(_Atomic(uint64_t) *bits, uint32_t slot) {
        uint64_t bit = (uint64_t)1 << slot % WATCHERS_BITS;

        return atomic_load(bits) & bit && atomic_fetch_and(bits, ~bit) & bit;
}

static uint32_t watchers_n_watching(struct watchers *r, bool holding) {
        uint32_t n = atomic_load(&r->n_used), sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += (uint32_t)__builtin_popcountll(atomic_load(&r->words[i].watching[holding]));
        return sum;
}

static bool watchers_is_short(struct watchers *r) {
        return watchers_n_watching(r, false) + watchers_n_watching(r, true) < r->n_least;
}

static bool watchers_anybody_rests(struct watchers *r, bool holding) {
        uint32_t n = atomic_load(&r->n_used);

        for (uint32_t i = 0; i < n; i++)
                if (atomic_load(&r->words[i].resting[holding]) != 0)
                        return true;
        return false;
}

/* Somebody has ceased to watch, or to rest: then it may have been the one that was called. */
static void watchers_call(struct watchers *r) {
        if (!watchers_is_short(r))
                return;
        if (watchers_anybody_rests(r, false))
                fd_ring(r->bells[false]);
        else if (watchers_anybody_rests(r, true))
                fd_ring(r->bells[true]);
}

/* Empty hands come first: with a connection in hand no worker joins those that watch while some of them rest. */
static bool watchers_is_enough(struct watchers *r, bool holding) {
        uint32_t n = watchers_n_watching(r, false);

        if (holding && n < r->n_enough)
                n += watchers_anybody_rests(r, false) ? r->n_enough : watchers_n_watching(r, true);
        return n >= r->n_enough;
}

bool watchers_join(struct watchers *r, uint32_t slot, bool holding) {
        struct watchers_word *w;

        if (!watchers_has(r, slot))
                return true;
        w = watchers_word(r, slot);
        if (watchers_is_enough(r, holding)) {
                watchers_set(&w->resting[holding], slot);
                if (!watchers_is_short(r))
                        return false;
                watchers_clear(&w->resting[holding], slot);
        }
        watchers_set(&w->watching[holding], slot);
        return true;
}

void watchers_on_called(struct watchers *r, uint32_t slot, bool holding) {
        struct watchers_word *w = watchers_word(r, slot);
        uint64_t rings;

        (void)!read(r->bells[holding], &rings, sizeof(rings));
        watchers_set(&w->watching[holding], slot);
        watchers_clear(&w->resting[holding], slot);
}

/* True when it waited. */
static bool watchers_strike(struct watchers *r, uint32_t slot, bool holding) {
        struct watchers_word *w = watchers_word(r, slot);
        bool watched = watchers_clear(&w->watching[holding], slot);
        bool rested = watchers_clear(&w->resting[holding], slot);

        return watched || rested;
}

void watchers_leave(struct watchers *r, uint32_t slot, bool holding) {
        if (watchers_has(r, slot) && watchers_strike(r, slot, holding))
                watchers_call(r);
}

/* It may have died after it had ceased to watch, or had read the bell, and before it could call another one. */
void watchers_forget(struct watchers *r, uint32_t slot) {
        if (!watchers_has(r, slot))
                return;
        watchers_strike(r, slot, false);
        watchers_strike(r, slot, true);
        watchers_call(r);
}
