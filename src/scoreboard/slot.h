/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one writer of a slot. Each call is one sequence-counted update; stores only, no system call.
 *
 *     slot_begin(slot);
 *     slot->stage = STAGE_EXECUTING;
 *     slot_end(slot);
 */

#include "base/time.h"
#include "scoreboard/layout.h"
#include "scoreboard/stages.h"

/* A release fence between the odd counter and the stores, and a release store after them: a reader that sees any of the
 * stores sees the odd counter. An odd counter left by a killed writer is brought back to even by the next one's end. */
static inline void slot_seq_begin(_Atomic uint32_t *seq) {
        uint32_t v = atomic_load_explicit(seq, memory_order_relaxed);

        atomic_store_explicit(seq, v | 1U, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
}

static inline void slot_seq_end(_Atomic uint32_t *seq) {
        uint32_t v = atomic_load_explicit(seq, memory_order_relaxed);

        atomic_store_explicit(seq, (v | 1U) + 1U, memory_order_release);
}

static inline void slot_begin(struct scoreboard_slot *slot) {
        slot_seq_begin(&slot->seq);
}

static inline void slot_end(struct scoreboard_slot *slot) {
        slot_seq_end(&slot->seq);
}

#define SLOT_BOUND(usec, label) usec,

/* The bucket of a request's time; see SCOREBOARD_DURATION_BOUNDS. */
static inline unsigned slot_duration_bucket(usec_t duration) {
        static const usec_t bounds[] = { SCOREBOARD_DURATION_BOUNDS(SLOT_BOUND) USEC_INFINITY };
        unsigned i = 0;

        while (duration > bounds[i])
                i++;
        return i;
}

/* n more connections waited so long. Within a begun update, of the slot or of the header. */
static inline void slot_waited(struct scoreboard_waits *waits, usec_t wait, uint64_t n) {
        static const usec_t bounds[] = { SCOREBOARD_WAIT_BOUNDS(SLOT_BOUND) USEC_INFINITY };
        unsigned i = 0;

        while (wait > bounds[i])
                i++;
        waits->n[i] += n;
        waits->sum += wait * n;
}

/* The master gives the slot to a worker about to be forked (STAGE_CREATING, pid 0 until known), or takes it back (pid
 * 0, STAGE_NONE). Cumulative counters stay, the last request's facts do not. Also mends the counter a killed worker may
 * have left odd. now: CLOCK_MONOTONIC. */
void slot_assign(struct scoreboard_slot *slot, uint32_t generation, usec_t now);
void slot_clear(struct scoreboard_slot *slot);
