/* SPDX-License-Identifier: MIT */
/* pool/stuck.h: how long a pool has been stuck at the last of some looks, which are ten seconds apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "pool/stuck.h"

#define BEGIN (1000 * USEC_PER_SEC)
#define STEP  (10 * USEC_PER_SEC)
#define LOOKS 5

#define NOTHING       .n_workers = 4, .n_idle = 4
#define BUSY          .waiting = 90, .n_workers = 4
#define LEFT          .waiting = 3, .n_workers = 4, .n_idle = 1
#define LEFT_AFTER(n) .taken = (n), .waiting = 3, .n_workers = 4, .n_idle = 1
#define DESERTED      .waiting = 1
#define STARTS        .waiting = 1, .waits_for_start = true
#define NO_ROOM       .waiting = 1, .has_no_room = true

static const struct {
        const char *sentence;
        struct stuck_look looks[LOOKS];
        unsigned n;
        unsigned seconds;
} rows[] = {
        { "who has nothing to do is not stuck", { { NOTHING }, { NOTHING }, { NOTHING } }, 3, 0 },
        { "nor is who is busy, however many wait, however long",
          { { BUSY }, { BUSY }, { BUSY }, { BUSY }, { BUSY } },
          5,
          0 },
        { "a connection that has just come is no sign", { { NOTHING }, { LEFT } }, 2, 0 },
        { "one that nobody takes beside an idle worker is", { { NOTHING }, { LEFT }, { LEFT }, { LEFT } }, 4, 20 },
        { "from the first look on", { { LEFT }, { LEFT } }, 2, 10 },
        { "while others are taken it is not",
          { { LEFT }, { LEFT_AFTER(1) }, { LEFT_AFTER(2) }, { LEFT_AFTER(3) } },
          4,
          0 },
        { "since the last one was taken",
          { { LEFT }, { LEFT_AFTER(1) }, { LEFT_AFTER(1) }, { LEFT_AFTER(1) } },
          4,
          10 },
        { "when its workers turn out to be busy it was not",
          { { LEFT }, { LEFT }, { BUSY }, { LEFT }, { LEFT } },
          5,
          10 },
        { "who has no worker should get one", { { NOTHING }, { DESERTED }, { DESERTED } }, 3, 10 },
        { "a start has its own time", { { STARTS }, { STARTS }, { STARTS } }, 3, 0 },
        { "and stops the clock", { { DESERTED }, { DESERTED }, { STARTS }, { STARTS }, { DESERTED } }, 5, 20 },
        { "which a start does not set back", { { LEFT }, { LEFT }, { STARTS }, { LEFT }, { LEFT } }, 5, 30 },
        { "other pools may have all workers", { { NO_ROOM }, { NO_ROOM }, { NO_ROOM } }, 3, 0 },
        { "what nobody waits for is over", { { LEFT }, { LEFT }, { NOTHING } }, 3, 0 },
};

static void sentences_hold(_unused_ void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct stuck s = {};
                usec_t span = 0;

                for (unsigned k = 0; k < rows[i].n; k++) {
                        struct stuck_look look = rows[i].looks[k];

                        look.now = BEGIN + k * STEP;
                        span = stuck_look(&s, &look);
                }
                if (span != rows[i].seconds * USEC_PER_SEC)
                        fail_msg("%s: %u s, not %u", rows[i].sentence, (unsigned)(span / USEC_PER_SEC),
                                 rows[i].seconds);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(sentences_hold) };

        return cmocka_run_group_tests_name("pool/stuck", tests, NULL, NULL);
}
