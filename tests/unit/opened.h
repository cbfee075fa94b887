/* SPDX-License-Identifier: MIT */
#pragma once
/* How many descriptors a test's process has. */

#include <poll.h>

#include "base/fd.h"
#include "limit.h"

/* So many are open, or will be in a moment: a file is closed by another process, which nowait_close() waits for as
 * long as it takes on a machine that has time, and no longer. */
static inline void opened_assert(int n) {
        for (int waited = 0; waited < LIMIT_SECONDS * 1000 && fd_count_open() != n; waited += 5)
                poll(NULL, 0, 5);
        assert_int_equal(fd_count_open(), n);
}
