/* SPDX-License-Identifier: MIT */
/*
 * What log entries a pool's processes have lost: the process that loses one counts it in the scoreboard, which outlives
 * it, and the master says so, once the loss has come to a halt, and once in a minute while it goes on. The counters are
 * the pool's own word, so all that a lie gets is such a line.
 */

#include "pool/losses.h"

#include <string.h>

#include "base/text.h"
#include "log/line.h"
#include "log/log.h"
#include "pool/picture.h"
#include "untrusted/board.h"

#define LOSSES_PERIOD (60 * USEC_PER_SEC)

_Static_assert(SCOREBOARD_LOGS == _LOG_KIND_MAX, "a counter for each log");

static void losses_say(struct pool *p, const uint64_t counts[static SCOREBOARD_LOGS]) {
        struct losses *l = &p->losses;
        _cleanup_text_ struct text t = {};
        bool any = false;

        text_append(&t, "log entries were lost, as nobody took them for log_timeout, or nobody could: ");
        for (unsigned k = 0; k < SCOREBOARD_LOGS; k++) {
                if (counts[k] <= l->told[k])
                        continue;
                text_printf(&t, "%s%llu of %s", any ? ", " : "", (unsigned long long)(counts[k] - l->told[k]),
                            log_out_kind_name((enum log_kind)k));
                any = true;
        }
        text_append(&t, ", since ");
        log_line_time(l->since, false, &t);
        while (t.n > 0 && !t.failed && t.data[t.n - 1] == ' ')
                t.data[--t.n] = '\0';
        if (any)
                log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING,
                                               .event = LOG_EVENT_ENTRIES_LOST,
                                               .pool = p->name,
                                               .message = text_peek(&t) });
        memcpy(l->told, counts, sizeof(l->told));
        l->since = 0;
}

void losses_look(struct pool *p, bool last) {
        struct losses *l = &p->losses;
        uint64_t counts[SCOREBOARD_LOGS];
        bool new, grows;

        untrusted_board_losses(p->scoreboard, p->n_used, counts);
        new = memcmp(counts, l->told, sizeof(counts)) != 0;
        grows = memcmp(counts, l->seen, sizeof(counts)) != 0;
        memcpy(l->seen, counts, sizeof(counts));
        if (!new)
                return;
        if (l->since == 0)
                l->since = time_wall();
        if (last || !grows || time_wall() - l->since >= LOSSES_PERIOD)
                losses_say(p, counts);
}
