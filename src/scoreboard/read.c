/* SPDX-License-Identifier: MIT */
/*
 * Copies out of memory that somebody else is writing. A copy is good when the counter was even and the same before and
 * after it. A writer holds the counter odd for well under a microsecond, unless it lost its processor or its life just
 * then; so the reader first spins, then lets others run, then takes what is there and says so. The number of tries is
 * bounded: no writer, however hostile, can hold a reader.
 *
 * The copy is made word by word with relaxed atomic loads: the compiler may not read a value twice, and what is checked
 * is what is used, since everything after the copy looks at the copy alone.
 */

#include "scoreboard/read.h"

#include <assert.h>
#include <sched.h>

#define READ_TRIES          64
#define READ_TRIES_SPINNING 16

static void read_words(const void *from, void *to, size_t n) {
        const uint64_t *src = from;
        uint64_t *dst = to;

        for (size_t i = 0; i < n / sizeof(*dst); i++)
                dst[i] = __atomic_load_n(&src[i], __ATOMIC_RELAXED);
}

/* Copies n bytes guarded by seq. True: consistent. */
static bool read_guarded(const _Atomic uint32_t *seq, const void *from, size_t n, unsigned tries, void *ret) {
        for (unsigned i = 0; i < tries; i++) {
                uint32_t before = atomic_load_explicit(seq, memory_order_acquire);

                if (!(before & 1U)) {
                        read_words(from, ret, n);
                        atomic_thread_fence(memory_order_acquire);
                        if (atomic_load_explicit(seq, memory_order_relaxed) == before)
                                return true;
                }
                if (i >= READ_TRIES_SPINNING)
                        sched_yield();
        }
        read_words(from, ret, n);
        return false;
}

#define READ_TERMINATE(field) ((field)[sizeof(field) - 1] = '\0')

static bool read_slot(const struct scoreboard *s, uint32_t i, unsigned tries, struct scoreboard_slot *ret) {
        bool consistent;

        assert(i < SCOREBOARD_SLOTS);
        consistent = read_guarded(&s->slots[i].seq, &s->slots[i], sizeof(*ret), tries, ret);

        if (ret->stage >= _STAGE_MAX)
                ret->stage = STAGE_NONE;
        if (ret->pid < 0)
                ret->pid = 0; /* kill(2) takes these for groups of processes */
        READ_TERMINATE(ret->method);
        READ_TERMINATE(ret->user);
        READ_TERMINATE(ret->uri);
        READ_TERMINATE(ret->query);
        READ_TERMINATE(ret->script);
        return consistent;
}

bool scoreboard_read_slot(const struct scoreboard *s, uint32_t i, struct scoreboard_slot *ret) {
        return read_slot(s, i, READ_TRIES, ret);
}

bool scoreboard_read_slot_at_once(const struct scoreboard *s, uint32_t i, struct scoreboard_slot *ret) {
        return read_slot(s, i, READ_TRIES_SPINNING, ret);
}

static bool read_header(const struct scoreboard *s, unsigned tries, struct scoreboard_header *ret) {
        bool consistent = read_guarded(&s->header.seq, &s->header, sizeof(*ret), tries, ret);

        if (ret->n_used > SCOREBOARD_SLOTS)
                ret->n_used = SCOREBOARD_SLOTS;
        READ_TERMINATE(ret->pool);
        READ_TERMINATE(ret->pm);
        return consistent;
}

bool scoreboard_read_header(const struct scoreboard *s, struct scoreboard_header *ret) {
        return read_header(s, READ_TRIES, ret);
}

bool scoreboard_read_header_at_once(const struct scoreboard *s, struct scoreboard_header *ret) {
        return read_header(s, READ_TRIES_SPINNING, ret);
}
