/* SPDX-License-Identifier: MIT */
/*
 * A slot changes hands: the master writes it before the worker's fork and after the worker was reaped, so never beside
 * it, and the rule of one writer holds. Counters named cumulative in layout.h live through all that: they are sums over
 * the pool's life, and a metric that falls back would look like a restart.
 */

#include "scoreboard/slot.h"

#include <string.h>

/* Within a begun update. */
static void slot_reset(struct scoreboard_slot *slot, enum stage stage, uint32_t generation) {
        slot->stage = stage;
        slot->pid = 0;
        slot->generation = generation;
        slot->stage_mono = slot->start_mono = slot->start_wall = 0;
        slot->request_id = slot->request_mono = 0;
        slot->duration = slot->cpu = slot->memory = slot->content_length = 0;
        slot->held = slot->need = 0;
        memset(slot->method, 0, sizeof(slot->method));
        memset(slot->user, 0, sizeof(slot->user));
        memset(slot->uri, 0, sizeof(slot->uri));
        memset(slot->query, 0, sizeof(slot->query));
        memset(slot->script, 0, sizeof(slot->script));
}

void slot_assign(struct scoreboard_slot *slot, uint32_t generation, usec_t now) {
        slot_begin(slot);
        slot_reset(slot, STAGE_CREATING, generation);
        slot->stage_mono = slot->start_mono = now;
        slot->start_wall = time_wall();
        slot_end(slot);
}

void slot_clear(struct scoreboard_slot *slot) {
        slot_begin(slot);
        slot_reset(slot, STAGE_NONE, 0);
        slot_end(slot);
}
