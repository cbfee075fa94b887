/* SPDX-License-Identifier: MIT */
#include "park/states.h"

static const struct {
        enum states_clock clock;
        enum states_event event;
        bool wants_worker;
} states_table[_CONNECTION_STATE_MAX] = {
#define X(state, clock_is, event_is, worker)                                                                           \
        [CONNECTION_##state] = { .clock = STATES_CLOCK_##clock_is,                                                     \
                                 .event = STATES_EVENT_##event_is,                                                     \
                                 .wants_worker = worker },
        CONNECTION_STATES(X)
#undef X
};

enum states_clock states_clock(enum connection_state state) {
        return states_table[state].clock;
}

enum states_event states_event(enum connection_state state) {
        return states_table[state].event;
}

bool states_wants_worker(enum connection_state state) {
        return states_table[state].wants_worker;
}
