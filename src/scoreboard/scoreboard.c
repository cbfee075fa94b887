/* SPDX-License-Identifier: MIT */
/*
 * A scoreboard's file. It is a memfd, so that nothing is left behind when the last process that has it ends, and it is
 * sealed against changes of size: readers map it, and a mapping beyond the end of a file that shrank is a SIGBUS.
 * Writing stays allowed, it is what the file is for. A new file is one long hole; only the header's page is written
 * here.
 *
 * A mapper assumes nothing: the descriptor may come from another version of the program or be no scoreboard at all.
 * What it checks before it maps cannot change afterwards (size, seals); the header's contents can, so readers act on
 * none of its sizes.
 */

#include "scoreboard/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/time.h"

#define SCOREBOARD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* The ABI: whoever must change a number here raises SCOREBOARD_VERSION. */
_Static_assert(sizeof(struct scoreboard_header) == 4096, "header is one page");
_Static_assert(offsetof(struct scoreboard_header, seq) == 88, "header layout");
_Static_assert(offsetof(struct scoreboard_header, workers_died) == 176, "header layout");
_Static_assert(offsetof(struct scoreboard_header, waits) == 192, "header layout");
_Static_assert(sizeof(struct scoreboard_slot) == 2048, "slot size");
_Static_assert(offsetof(struct scoreboard_slot, stage_mono) == 16, "slot layout");
_Static_assert(offsetof(struct scoreboard_slot, method) == 384, "slot layout");
_Static_assert(sizeof(struct scoreboard_leak) == 512, "leak size");
_Static_assert(offsetof(struct scoreboard, slots) == sizeof(struct scoreboard_header), "slots follow the header");

static int scoreboard_write_header(int fd, const char *pool) {
        struct scoreboard_header h = {
                .magic = SCOREBOARD_MAGIC,
                .version = SCOREBOARD_VERSION,
                .header_size = sizeof(struct scoreboard_header),
                .slot_size = sizeof(struct scoreboard_slot),
                .n_slots = SCOREBOARD_SLOTS,
                .start_wall = time_wall(),
                .start_mono = time_now(),
        };
        ssize_t k;

        text_copy(h.pool, sizeof(h.pool), pool, strlen(pool));
        k = pwrite(fd, &h, sizeof(h), 0);
        if (k < 0)
                return -errno;
        return (size_t)k == sizeof(h) ? 0 : -EIO;
}

int scoreboard_create(const char *pool) {
        _cleanup_fd_ int fd = fd_new_memfd("fpmd-scoreboard");
        int r;

        if (fd < 0)
                return fd;
        if (ftruncate(fd, (off_t)sizeof(struct scoreboard)) < 0)
                return -errno;
        r = scoreboard_write_header(fd, pool);
        if (r < 0)
                return r;
        r = fd_seal(fd, SCOREBOARD_SEALS);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}

static int scoreboard_check_file(int fd) {
        struct stat st;
        int seals;

        if (fstat(fd, &st) < 0)
                return -errno;
        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 && errno != EINVAL) /* EINVAL: a file of a kind that has no seals */
                return -errno;
        if (seals < 0 || (seals & SCOREBOARD_SEALS) != SCOREBOARD_SEALS)
                return -EBADMSG;
        return st.st_size == (off_t)sizeof(struct scoreboard) ? 0 : -EBADMSG;
}

static bool scoreboard_is_ours(const struct scoreboard_header *h) {
        return h->magic == SCOREBOARD_MAGIC && h->version == SCOREBOARD_VERSION &&
               h->header_size == sizeof(struct scoreboard_header) && h->slot_size == sizeof(struct scoreboard_slot) &&
               h->n_slots == SCOREBOARD_SLOTS;
}

static int scoreboard_map_with(int fd, int prot, struct scoreboard **ret) {
        struct scoreboard *s;
        int r;

        r = scoreboard_check_file(fd);
        if (r < 0)
                return r;
        s = mmap(NULL, sizeof(*s), prot, MAP_SHARED, fd, 0);
        if (s == MAP_FAILED)
                return -errno;
        if (!scoreboard_is_ours(&s->header)) {
                scoreboard_unmap(s);
                return -EBADMSG;
        }
        *ret = s;
        return 0;
}

int scoreboard_map(int fd, struct scoreboard **ret) {
        return scoreboard_map_with(fd, PROT_READ | PROT_WRITE, ret);
}

int scoreboard_map_readonly(int fd, const struct scoreboard **ret) {
        struct scoreboard *s;
        int r;

        r = scoreboard_map_with(fd, PROT_READ, &s);
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

void scoreboard_unmap(const struct scoreboard *s) {
        if (s)
                munmap((void *)s, sizeof(*s));
}
