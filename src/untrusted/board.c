/* SPDX-License-Identifier: MIT */
/* See board.h. */

#include "untrusted/board.h"

#include <limits.h>

#include "base/macros.h"
#include "base/number.h"
#include "scoreboard/offered.h"
#include "scoreboard/stages.h"

/* More than any process has, and little enough to be added up for all slots. */
#define BOARD_MEMORY_MAX (UINT64_C(1) << 47)

bool untrusted_board_is_idle(const struct scoreboard *board, uint32_t slot, usec_t idle_for, usec_t now) {
        const volatile struct scoreboard_slot *s = &board->slots[slot];
        usec_t since;

        if (s->stage != STAGE_ACCEPTING)
                return false;
        since = s->stage_mono;
        return idle_for == 0 || (since <= now && now - since >= idle_for);
}

bool untrusted_board_has_served(const struct scoreboard *board, uint32_t slot) {
        return ((const volatile struct scoreboard_slot *)&board->slots[slot])->request_id > 1;
}

bool untrusted_board_has_begun(const struct scoreboard *board, uint32_t slot) {
        return ((const volatile struct scoreboard_slot *)&board->slots[slot])->request_id > 0;
}

bool untrusted_board_memory(const struct scoreboard *board, uint32_t slot, uint64_t *ret_held, uint64_t *ret_need) {
        const volatile struct scoreboard_slot *s = &board->slots[slot];
        uint64_t held = s->held, need = s->need;

        if (need == 0)
                return false;
        *ret_held = MIN(held, BOARD_MEMORY_MAX);
        *ret_need = MIN(need, BOARD_MEMORY_MAX);
        return true;
}

uint64_t untrusted_board_taken(const struct scoreboard *board, uint32_t n) {
        uint64_t taken = atomic_load_explicit(&board->header.park.accepted, memory_order_relaxed);

        for (uint32_t i = 0; i < n; i++)
                taken += ((const volatile struct scoreboard_slot *)&board->slots[i])->accepted;
        return taken;
}

uint64_t untrusted_board_offers_taken(const struct scoreboard *board) {
        return atomic_load_explicit(&board->header.offers_taken, memory_order_relaxed);
}

static uint64_t board_count(const _Atomic uint64_t *number) {
        return MIN(atomic_load_explicit(number, memory_order_relaxed), (uint64_t)UINT_MAX);
}

unsigned untrusted_board_waiting(const struct scoreboard *board) {
        uint64_t n = number_add(board_count(&board->header.park.waiting), offered_waiting(&board->header));

        return (unsigned)MIN(n, (uint64_t)UINT_MAX);
}

bool untrusted_board_park_has_work(const struct scoreboard *board) {
        return atomic_load_explicit(&board->header.park.receiving, memory_order_relaxed) > 0 ||
               untrusted_board_waiting(board) > 0;
}

bool untrusted_board_look_at_offers(const struct scoreboard *board, struct untrusted_board_offers *seen) {
        const struct untrusted_board_offers before = *seen;

        seen->taken = untrusted_board_offers_taken(board);
        seen->sent = atomic_load_explicit(&board->header.park.offered, memory_order_relaxed);
        return seen->sent != seen->taken && seen->sent == before.sent && seen->taken == before.taken;
}

/* A process that has been stopped, and counts after all, makes a difference that the next looks find. */
void untrusted_board_settle_offers(struct scoreboard *board, const struct untrusted_board_offers *seen) {
        uint64_t taken = seen->taken;

        (void)atomic_compare_exchange_strong_explicit(&board->header.offers_taken, &taken, seen->sent,
                                                      memory_order_relaxed, memory_order_relaxed);
}

void untrusted_board_parked(const struct scoreboard *board, struct untrusted_board_parked *ret) {
        *ret = (struct untrusted_board_parked){ .receiving = board_count(&board->header.park.receiving),
                                                .waiting = board_count(&board->header.park.waiting),
                                                .writing = board_count(&board->header.park.writing) };
        ret->all = (unsigned)MIN(ret->receiving + ret->waiting + ret->writing, (uint64_t)UINT_MAX);
}

void untrusted_board_losses(const struct scoreboard *board, uint32_t n, uint64_t ret[static SCOREBOARD_LOGS]) {
        for (unsigned k = 0; k < SCOREBOARD_LOGS; k++) {
                ret[k] = atomic_load_explicit(&board->header.logs_lost[k], memory_order_relaxed);
                for (uint32_t i = 0; i < n; i++)
                        ret[k] += atomic_load_explicit(&board->slots[i].logs_lost[k], memory_order_relaxed);
        }
}
