/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The control group of this process, as the kernel's memory controller has it: cgroup v2, and v1 where a machine still
 * mounts that (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). Files are read anew each time, since a
 * limit may change at any time.
 */

#include <stdint.h>

#include "base/macros.h"

/* Where the memory controller is mounted, and what /proc/self/cgroup is. */
#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_SELF "/proc/self/cgroup"

#define CGROUP_WHERE_MAX 256U

struct cgroup {
        const struct cgroup_kind *kind; /* NULL: there is no memory controller to be seen */
        char *folder;                   /* of this group's files */
        size_t n_root;                  /* bytes of it that are the mount point */
};

struct cgroup_room {
        uint64_t limit;               /* bytes: of the level, up the tree, that has the least room */
        uint64_t room;                /* what is not in use below that limit, but for what the kernel can take back */
        char where[CGROUP_WHERE_MAX]; /* that level's path, "/" for the topmost; cut when it is longer */
        const char *file;             /* the file that has the limit, "memory.max" for one */
};

/* self: text of /proc/self/cgroup. root: the mount point. 0 or -ENOMEM; cgroup_done() afterwards. */
int cgroup_find_in(const char *self, const char *root, struct cgroup *ret);

/* The same for this process. */
int cgroup_find(struct cgroup *ret);
void cgroup_done(struct cgroup *c);
#define _cleanup_cgroup_ _cleanup_(cgroup_done)

/* 0, or CGROUP_E_NONE: no level has a limit, or none can be read. */
enum { CGROUP_E_NONE = 1 };
int cgroup_room(const struct cgroup *c, struct cgroup_room *ret);

/* How many processes of the group the kernel has killed for its memory. 0 or CGROUP_E_NONE. */
int cgroup_oom_kills(const struct cgroup *c, uint64_t *ret);

/* The machine's, as /proc/meminfo has it: bytes in all, and what new processes can have without swapping. 0 or -errno.
 */
int cgroup_machine(uint64_t *ret_total, uint64_t *ret_available);
