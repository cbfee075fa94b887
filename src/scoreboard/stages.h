/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * THE table of request stages. A worker is in exactly one; every change is stored in its slot and fired as the probe
 * fpmd:request_stage. The numbers are ABI: they are read by fpmctl and by tracers of other builds. Append only.
 *
 * idle: counts as idle in the status numbers (all others count as active). request: a client's request is in hand, so
 * the request clock runs.
 */

#include <stdbool.h>
#include <stdint.h>

/*   number  symbol           label (as php-fpm's status page has it)  name (probes, tables)  idle   request */
// clang-format off
#define SCOREBOARD_STAGES(X)                                                                                           \
        X(1, CREATING,        "Creating",                     "creating",        true,  false)                         \
        X(2, ACCEPTING,       "Idle",                         "accepting",       true,  false)                         \
        X(3, READING_HEADERS, "Reading headers",              "reading_headers", false, true)                          \
        X(4, INFO,            "Getting request informations", "info",            false, true)                          \
        X(5, EXECUTING,       "Running",                      "executing",       false, true)                          \
        X(6, END,             "Ending",                       "end",             false, true)                          \
        X(7, FINISHED,        "Finishing",                    "finished",        false, false)                         \
        X(8, BOOTING,         "Booting",                      "booting",         false, false)
// clang-format on

enum stage {
        STAGE_NONE = 0, /* the slot has no worker */
#define X(number, symbol, label, name, idle, request) STAGE_##symbol = number,
        SCOREBOARD_STAGES(X)
#undef X
                _STAGE_MAX,
};

struct stage_info {
        const char *label;
        const char *name;
        bool idle;
        bool request;
};

/* The row of a stage. Values that are no stage (shared memory is not trusted) get the row of STAGE_NONE. */
const struct stage_info *stage_info(uint32_t stage) __attribute__((__const__));
