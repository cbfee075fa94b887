/* SPDX-License-Identifier: MIT */
/* The rows of stages.h, by number. */

#include "scoreboard/stages.h"

static const struct stage_info stage_rows[_STAGE_MAX] = {
        [STAGE_NONE] = { .label = "None", .name = "none", .idle = false, .request = false },
#define X(number, symbol, stage_label, stage_name, is_idle, has_request)                                               \
        [number] = { .label = stage_label, .name = stage_name, .idle = is_idle, .request = has_request },
        SCOREBOARD_STAGES(X)
#undef X
};

const struct stage_info *stage_info(uint32_t stage) {
        return &stage_rows[stage < _STAGE_MAX ? stage : STAGE_NONE];
}
