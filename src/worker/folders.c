/* SPDX-License-Identifier: MIT */
/*
 * The pool's paths, and those that a process needs to be one. What is open already stays so: logs, listeners, pipes.
 *
 * A rule is about what is there at this moment, not about a name: programs replace a file by another one with its name,
 * such as /etc/resolv.conf, which would be out of reach then for as long as the worker lives. So what is allowed here
 * are folders, and /etc as a whole; devices are never replaced.
 *
 * Magic links of /proc lead to files that have a place of their own, which is what counts: /proc is no way out.
 */

#include "worker/folders.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "conf/rows.h"
#include "log/log.h"

/* strict: with "strict" as well. A path that this machine, or the chroot, has not is none. The manual page has the same
 * list. */
static const struct folders_row {
        const char *path;
        enum landlock_use use;
        bool strict;
} folders_own[] = {
        { "/proc", LANDLOCK_READ, true },
        { "/sys/devices/system/cpu", LANDLOCK_READ, true },
        { "/dev/null", LANDLOCK_DEVICE, true },
        { "/dev/zero", LANDLOCK_DEVICE, true },
        { "/dev/full", LANDLOCK_DEVICE, true },
        { "/dev/random", LANDLOCK_DEVICE, true },
        { "/dev/urandom", LANDLOCK_DEVICE, true },
        { "/usr", LANDLOCK_READ, false }, /* programs, libraries, time zones, locales, certificates, PHP's packages */
        { "/bin", LANDLOCK_READ, false },
        { "/sbin", LANDLOCK_READ, false },
        { "/lib", LANDLOCK_READ, false },
        { "/lib32", LANDLOCK_READ, false },
        { "/lib64", LANDLOCK_READ, false },
        { "/libx32", LANDLOCK_READ, false },
        { "/etc", LANDLOCK_READ, false },
        { "/run/systemd/resolve", LANDLOCK_READ, false }, /* where /etc/resolv.conf may lead */
};

static int folders_allow_own(int rules, int abi, enum conf_landlock how) {
        for (size_t i = 0; i < ELEMENTSOF(folders_own); i++) {
                const struct folders_row *row = &folders_own[i];
                int r;

                if (how == CONF_LANDLOCK_STRICT && !row->strict)
                        continue;
                r = landlock_allow(rules, landlock_rights(abi, row->use), row->path);
                if (r < 0 && r != -ENOENT && r != -EACCES)
                        return r;
        }
        return 0;
}

static int folders_allow_pairs(int rules, uint64_t rights, const struct conf_pairs *paths, enum conf_array_kind kind) {
        for (size_t i = 0; i < paths->n; i++) {
                const struct conf_pair *path = &paths->items[i];
                int r = landlock_allow(rules, rights, path->value);

                if (r == -ENOMEM || r == -EINVAL)
                        return r;
                if (r < 0) /* less is allowed, not more */
                        log_error("directive '%s': '%s': %s: it is out of reach for this worker",
                                  conf_pool_arrays[kind].name, path->value, strerror(-r));
        }
        return 0;
}

static int folders_allow(int rules, int abi, const struct conf_pool *pool) {
        int r = folders_allow_own(rules, abi, pool->landlock);

        if (r == 0)
                r = folders_allow_pairs(rules, landlock_rights(abi, LANDLOCK_READ), &pool->read_paths,
                                        CONF_ARRAY_READ_PATH);
        if (r == 0)
                r = folders_allow_pairs(rules, landlock_rights(abi, LANDLOCK_WRITE), &pool->write_paths,
                                        CONF_ARRAY_WRITE_PATH);
        return r;
}

int folders_restrict(const struct conf_pool *pool, int abi) {
        _cleanup_fd_ int rules = -1;
        int r;

        if (pool->landlock == CONF_LANDLOCK_NO)
                return 0;
        r = abi < 0 ? abi : landlock_open(abi, &rules);
        if (r == 0)
                r = folders_allow(rules, abi, pool);
        if (r == 0)
                r = landlock_enter(rules);
        if (r < 0)
                log_error("directive 'security.landlock': %s", landlock_describe_error(r));
        return r;
}
