/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the master reads of a pool's scoreboard, which that pool's processes write: hints about its own pool, each read
 * once and in bounds. Which process is in a slot, and that it lives, the master knows by itself. A whole slot is read
 * by scoreboard_read_slot_at_once().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "scoreboard/layout.h"

/* The slot's worker says that it waits for a connection, and has for so long (0: however long). */
bool untrusted_board_is_idle(const struct scoreboard *board, uint32_t slot, usec_t idle_for, usec_t now);

/* It says that it has begun a request. */
bool untrusted_board_has_begun(const struct scoreboard *board, uint32_t slot);

/* It says that it has begun more than one request. */
bool untrusted_board_has_served(const struct scoreboard *board, uint32_t slot);

/* How much memory it says that it holds, and needs, in bytes that add up for all slots; see layout.h. False: it has not
 * looked yet. */
bool untrusted_board_memory(const struct scoreboard *board, uint32_t slot, uint64_t *ret_held, uint64_t *ret_need);

/* Connections that workers say they have taken, in the slots below n. */
uint64_t untrusted_board_taken(const struct scoreboard *board, uint32_t n);

/* Connections that workers say they have got from the park. */
uint64_t untrusted_board_offers_taken(const struct scoreboard *board);

/* Connections that wait for a worker, in the park or on the way from there, as those two say. */
unsigned untrusted_board_waiting(const struct scoreboard *board);

/* What the two ends of the park's offers have counted (scoreboard/offered.h) when that was last looked at. */
struct untrusted_board_offers {
        uint64_t sent, taken;
};

/* Looks, some time after the last look, of which seen tells. True: the counts differ by what they did then, and nothing
 * has been counted since. Where nothing is in the socket, that is a difference of processes that have been killed. */
bool untrusted_board_look_at_offers(const struct scoreboard *board, struct untrusted_board_offers *seen);

/* Makes the counts equal, unless something is counted meanwhile. */
void untrusted_board_settle_offers(struct scoreboard *board, const struct untrusted_board_offers *seen);

/* The park has half a request, or a connection that waits for a worker, as it says. */
bool untrusted_board_park_has_work(const struct scoreboard *board);

/* What the park has beside connections between two requests, as it says. */
struct untrusted_board_parked {
        uint64_t receiving, waiting, writing; /* as in SCOREBOARD_PARK_NUMBERS */
        unsigned all;
};
void untrusted_board_parked(const struct scoreboard *board, struct untrusted_board_parked *ret);

/* Log entries lost, of each kind, as the pool's processes and the workers of the slots below n say. */
void untrusted_board_losses(const struct scoreboard *board, uint32_t n, uint64_t ret[static SCOREBOARD_LOGS]);
