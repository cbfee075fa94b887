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
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/landlock.h"
#include "base/macros.h"
#include "conf/rows.h"
#include "log/log.h"
#include "worker/folderpath.h"

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
                _cleanup_fd_ int place = -1;
                int r;

                if (how == CONF_LANDLOCK_STRICT && !row->strict)
                        continue;
                place = open(row->path, O_PATH | O_CLOEXEC);
                r = place < 0 ? -errno : landlock_allow(rules, landlock_rights(abi, row->use), place);
                if (r < 0 && r != -ENOENT && r != -EACCES)
                        return r;
        }
        return 0;
}

/* What all rules of the pool's are made with. */
struct folders_maker {
        int rules;
        int abi;
        struct folderpath_writable writable;
};

static int folders_allow_path(const struct folders_maker *m, uint64_t rights, const struct conf_pair *path,
                              const char *directive) {
        _cleanup_fd_ int place = -1;
        int r = folderpath_open(&m->writable, path->value, &place);

        if (r == 0)
                r = landlock_allow(m->rules, rights, place);
        if (r == -ENOMEM || r == -EINVAL)
                return r;
        if (r != 0) /* less is allowed, not more */
                log_error("directive '%s': '%s': %s: it is out of reach for this worker", directive, path->value,
                          r < 0 ? strerror(-r) : "a link on the way to it is in a folder of security.write_path");
        return 0;
}

static int folders_allow_pairs(const struct folders_maker *m, enum landlock_use use, const struct conf_pairs *paths,
                               enum conf_array_kind kind) {
        int r = 0;

        for (size_t i = 0; i < paths->n && r == 0; i++)
                r = folders_allow_path(m, landlock_rights(m->abi, use), &paths->items[i], conf_pool_arrays[kind].name);
        return r;
}

static int folders_allow(int rules, int abi, const struct conf_pool *pool) {
        struct folders_maker m = { .rules = rules, .abi = abi };
        int r = folders_allow_own(rules, abi, pool->landlock);

        for (size_t i = 0; i < pool->write_paths.n && r == 0; i++)
                r = folderpath_add(&m.writable, pool->write_paths.items[i].value);
        if (r == 0)
                r = folders_allow_pairs(&m, LANDLOCK_READ, &pool->read_paths, CONF_ARRAY_READ_PATH);
        if (r == 0)
                r = folders_allow_pairs(&m, LANDLOCK_WRITE, &pool->write_paths, CONF_ARRAY_WRITE_PATH);
        folderpath_done(&m.writable);
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
