/* SPDX-License-Identifier: MIT */
#include "worker/phases.h"

const struct phases_connection_row phases_connection_rows[_CONNECTION_PHASE_MAX] = {
#define X(phase, may_receive, may_send, may_keep, is_quiet)                                                            \
        [CONNECTION_##phase] = { .receives = may_receive, .sends = may_send, .keeps = may_keep, .quiet = is_quiet },
        PHASES_CONNECTION(X)
#undef X
};

const struct phases_exchange_row phases_exchange_rows[_EXCHANGE_PHASE_MAX] = {
#define X(phase, may_reply, body_is) [EXCHANGE_##phase] = { .replies = may_reply, .body = PHASES_BODY_##body_is },
        PHASES_EXCHANGE(X)
#undef X
};

enum phases_connection phases_after(enum phases_connection phase, enum phases_event event) {
        /* by event:            CLOSE, END, FAILURE, SILENCE */
        static const enum phases_connection rows[_CONNECTION_PHASE_MAX][_PHASES_EVENT_MAX] = {
                [CONNECTION_OPEN] = { CONNECTION_LAST, CONNECTION_HALF, CONNECTION_BROKEN, CONNECTION_SILENT },
                [CONNECTION_LAST] = { CONNECTION_LAST, CONNECTION_HALF, CONNECTION_BROKEN, CONNECTION_SILENT },
                [CONNECTION_HALF] = { CONNECTION_HALF, CONNECTION_HALF, CONNECTION_GONE, CONNECTION_SILENT },
                [CONNECTION_BROKEN] = { CONNECTION_BROKEN, CONNECTION_GONE, CONNECTION_BROKEN, CONNECTION_SILENT },
                [CONNECTION_SILENT] = { CONNECTION_SILENT, CONNECTION_SILENT, CONNECTION_SILENT, CONNECTION_SILENT },
                [CONNECTION_GONE] = { CONNECTION_GONE, CONNECTION_GONE, CONNECTION_GONE, CONNECTION_SILENT },
        };

        return rows[phase][event];
}
