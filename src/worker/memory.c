/* SPDX-License-Identifier: MIT */
/* See memory.h. The second number of statm is the resident set in pages, smaps_rollup has the sums of smaps (proc(5));
 * read from the start both are fresh each time. */

#include "worker/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "scoreboard/slot.h"

/* From one look at the share to the next. */
#define MEMORY_PERIOD (10 * USEC_PER_SEC)

/* /proc; -1: nobody wants to know, or there is none. */
static int memory_proc = -1;

static bool memory_is_told(const struct conf_pool *pool) {
        return pool->max_children == CONF_LIMIT_AUTO;
}

void memory_prepare(const struct conf_pool *pool) {
        if (pool->max_memory > 0 || memory_is_told(pool))
                memory_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int memory_open(const char *file, const char *directive) {
        int fd = openat(memory_proc, file, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                log_warning("%s: /proc/%s: %s", directive, file, strerror(errno));
        return fd;
}

void memory_init(struct memory *m, const struct conf_pool *pool) {
        *m = (struct memory){ .statm = -1, .rollup = -1, .max = pool->max_memory };
        if (m->max > 0)
                m->statm = memory_open("self/statm", "pm.max_memory cannot act");
        if (memory_is_told(pool))
                m->rollup = memory_open("self/smaps_rollup", "pm.max_children = auto cannot measure its workers");
        memory_proc = fd_close(memory_proc);
}

/* The file's text so far; false when it cannot be read. */
static bool memory_read(int fd, char *text, size_t size) {
        ssize_t n = fd < 0 ? 0 : pread(fd, text, size - 1, 0);

        if (n <= 0)
                return false;
        text[n] = '\0';
        return true;
}

/* 0 when it cannot be told. */
static uint64_t memory_resident(const struct memory *m) {
        uint64_t total, resident;
        char text[128];

        if (!memory_read(m->statm, text, sizeof(text)) || sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
                return 0;
        return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t memory_share(const struct memory *m) {
        char text[2048];
        const char *value;
        uint64_t kib;

        if (!memory_read(m->rollup, text, sizeof(text)))
                return 0;
        value = text_behind_key(text, "Pss");
        return value && sscanf(value, "%" SCNu64, &kib) == 1 ? kib * 1024 : 0;
}

bool memory_is_over(const struct memory *m) {
        uint64_t resident = memory_resident(m);

        if (resident <= m->max || m->statm < 0)
                return false;
        log_notice("child %d holds %" PRIu64 " KiB of memory, more than pm.max_memory (%" PRIu64 " KiB), and ends",
                   (int)getpid(), resident / 1024, m->max / 1024);
        return true;
}

void memory_tell(struct memory *m, struct scoreboard_slot *slot, const struct memory_request *request) {
        uint64_t held;

        if (m->rollup < 0)
                return;
        m->peak = MAX(m->peak, request->peak);
        if (request->now < m->next_look)
                return;
        m->next_look = request->now + MEMORY_PERIOD;
        held = memory_share(m);
        if (held > 0) {
                slot_begin(slot);
                slot->held = held;
                slot->need = held + m->peak - MIN(m->peak, request->left);
                slot_end(slot);
        }
        m->peak = 0;
}
