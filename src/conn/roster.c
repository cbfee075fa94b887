/* SPDX-License-Identifier: MIT */
/* See roster.h. */

#include "conn/roster.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/fd.h"
#include "base/macros.h"

#define ROSTER_BITS 64U

/* A bit for each worker; [true]: with a connection in hand. */
struct roster_word {
        _Atomic(uint64_t) watching[2];
        _Atomic(uint64_t) resting[2];
};

struct roster {
        int bells[2];
        int parent[2]; /* a pipe, of which the zygote alone has the write end */
        uint32_t n_slots;
        uint32_t n_enough;        /* when so many watch, more rest */
        uint32_t n_least;         /* when fewer do, one that rests is called */
        _Atomic(uint32_t) n_used; /* words from this one on have never been written */
        struct roster_word words[];
};

static int roster_open(struct roster *r) {
        for (int holding = 0; holding < 2; holding++) {
                r->bells[holding] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (r->bells[holding] < 0)
                        return -errno;
        }
        return pipe2(r->parent, O_CLOEXEC) < 0 ? -errno : 0;
}

struct roster *roster_new(uint32_t n_slots, uint32_t n_enough) {
        size_t size = sizeof(struct roster) + (n_slots / ROSTER_BITS + 1) * sizeof(struct roster_word);
        struct roster *r = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (r == MAP_FAILED)
                return NULL;
        r->bells[0] = r->bells[1] = r->parent[0] = r->parent[1] = -1;
        r->n_slots = n_slots;
        r->n_enough = n_enough;
        r->n_least = (n_enough + 1) / 2;
        if (roster_open(r) == 0)
                return r;
        fd_close(r->bells[0]);
        fd_close(r->bells[1]);
        munmap(r, size);
        return NULL;
}

void roster_enter(struct roster *r) {
        if (r)
                fd_close(r->parent[1]);
}

int roster_parent(const struct roster *r) {
        return r ? r->parent[0] : -1;
}

int roster_bell(const struct roster *r, bool holding) {
        return r ? r->bells[holding] : -1;
}

static bool roster_has(const struct roster *r, uint32_t slot) {
        return r && slot < r->n_slots;
}

static struct roster_word *roster_word(struct roster *r, uint32_t slot) {
        atomic_raise(&r->n_used, slot / ROSTER_BITS + 1);
        return &r->words[slot / ROSTER_BITS];
}

static void roster_set(_Atomic(uint64_t) *bits, uint32_t slot) {
        atomic_fetch_or(bits, (uint64_t)1 << slot % ROSTER_BITS);
}

/* True when it was set. */
static bool roster_clear(_Atomic(uint64_t) *bits, uint32_t slot) {
        uint64_t bit = (uint64_t)1 << slot % ROSTER_BITS;

        return atomic_load(bits) & bit && atomic_fetch_and(bits, ~bit) & bit;
}

static uint32_t roster_n_watching(struct roster *r, bool holding) {
        uint32_t n = atomic_load(&r->n_used), sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += (uint32_t)__builtin_popcountll(atomic_load(&r->words[i].watching[holding]));
        return sum;
}

static bool roster_is_short(struct roster *r) {
        return roster_n_watching(r, false) + roster_n_watching(r, true) < r->n_least;
}

static bool roster_anybody_rests(struct roster *r, bool holding) {
        uint32_t n = atomic_load(&r->n_used);

        for (uint32_t i = 0; i < n; i++)
                if (atomic_load(&r->words[i].resting[holding]) != 0)
                        return true;
        return false;
}

/* Somebody has ceased to watch, or to rest: then it may have been the one that was called. */
static void roster_call(struct roster *r) {
        if (!roster_is_short(r))
                return;
        if (roster_anybody_rests(r, false))
                fd_ring(r->bells[false]);
        else if (roster_anybody_rests(r, true))
                fd_ring(r->bells[true]);
}

/* Empty hands come first: with a connection in hand nobody joins those who watch while some of them rest. */
static bool roster_is_enough(struct roster *r, bool holding) {
        uint32_t n = roster_n_watching(r, false);

        if (holding && n < r->n_enough)
                n += roster_anybody_rests(r, false) ? r->n_enough : roster_n_watching(r, true);
        return n >= r->n_enough;
}

bool roster_join(struct roster *r, uint32_t slot, bool holding) {
        struct roster_word *w;

        if (!roster_has(r, slot))
                return true;
        w = roster_word(r, slot);
        if (roster_is_enough(r, holding)) {
                roster_set(&w->resting[holding], slot);
                if (!roster_is_short(r))
                        return false;
                roster_clear(&w->resting[holding], slot);
        }
        roster_set(&w->watching[holding], slot);
        return true;
}

void roster_called(struct roster *r, uint32_t slot, bool holding) {
        struct roster_word *w = roster_word(r, slot);
        uint64_t rings;

        (void)!read(r->bells[holding], &rings, sizeof(rings));
        roster_set(&w->watching[holding], slot);
        roster_clear(&w->resting[holding], slot);
}

/* True when it waited. */
static bool roster_strike(struct roster *r, uint32_t slot, bool holding) {
        struct roster_word *w = roster_word(r, slot);
        bool watched = roster_clear(&w->watching[holding], slot);
        bool rested = roster_clear(&w->resting[holding], slot);

        return watched || rested;
}

void roster_leave(struct roster *r, uint32_t slot, bool holding) {
        if (roster_has(r, slot) && roster_strike(r, slot, holding))
                roster_call(r);
}

/* It may have died after it had ceased to watch, or had read the bell, and before it could call another one. */
void roster_forget(struct roster *r, uint32_t slot) {
        if (!roster_has(r, slot))
                return;
        roster_strike(r, slot, false);
        roster_strike(r, slot, true);
        roster_call(r);
}
