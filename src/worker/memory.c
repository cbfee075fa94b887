/* SPDX-License-Identifier: MIT */
/* See memory.h. The second number of statm is the resident set in pages (proc(5)); read from the start it is fresh each
 * time. */

#include "worker/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/log.h"

/* /proc; -1: no limit, or there is none. */
static int memory_proc = -1;

void memory_prepare(uint64_t max) {
        if (max > 0)
                memory_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void memory_init(struct memory *m, uint64_t max) {
        *m = (struct memory){ .statm = -1, .max = max };
        if (max == 0)
                return;
        m->statm = openat(memory_proc, "self/statm", O_RDONLY | O_CLOEXEC);
        if (m->statm < 0)
                log_warning("pm.max_memory cannot act: /proc/self/statm: %s", strerror(errno));
        memory_proc = fd_close(memory_proc);
}

/* 0 when it cannot be told. */
static uint64_t memory_resident(const struct memory *m) {
        uint64_t total, resident;
        char text[128];
        ssize_t n = pread(m->statm, text, sizeof(text) - 1, 0);

        if (n <= 0)
                return 0;
        text[n] = '\0';
        if (sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
                return 0;
        return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool memory_is_over(const struct memory *m) {
        uint64_t resident = m->statm < 0 ? 0 : memory_resident(m);

        if (resident <= m->max)
                return false;
        log_notice("child %d holds %" PRIu64 " KiB of memory, more than pm.max_memory (%" PRIu64 " KiB), and ends",
                   (int)getpid(), resident / 1024, m->max / 1024);
        return true;
}
