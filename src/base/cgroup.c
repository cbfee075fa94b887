/* SPDX-License-Identifier: MIT */
/*
 * A level of the tree is a folder. What is in use there, page cache and reclaimable slabs apart, and its limit, say how
 * much room it has; the level that has the least of all counts, since every one of them binds.
 */

#include "base/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define CGROUP_FILE_MAX (64U * 1024U)

/* Above this a limit of v1 is none: it has a number for that, which is a page below the largest. */
#define CGROUP_UNLIMITED (UINT64_C(1) << 62)

static const struct cgroup_kind {
        const char *mount;      /* below the root */
        const char *controller; /* of the line in /proc/self/cgroup */
        const char *limits[2];
        const char *current;
        const char *reclaimable[3]; /* rows of memory.stat */
        const char *events;         /* has a row oom_kill */
} cgroup_kinds[] = {
        { "",
          ":",
          { "memory.max", "memory.high" },
          "memory.current",
          { "inactive_file", "active_file", "slab_reclaimable" },
          "memory.events" },
        { "/memory",
          ":memory:",
          { "memory.limit_in_bytes" },
          "memory.usage_in_bytes",
          { "total_inactive_file", "total_active_file" },
          "memory.oom_control" },
};

/* A file of the level whose folder has n bytes. -errno when there is none, as a controller may be off there. */
static int cgroup_read(const struct cgroup *c, size_t n, const char *file, char **ret) {
        _cleanup_text_ struct text path = {};

        text_append_n(&path, c->folder, n);
        text_printf(&path, "/%s", file);
        return path.failed ? -ENOMEM : fd_read_file(text_peek(&path), CGROUP_FILE_MAX, ret, NULL);
}

/* Of "max" as well: there is no limit. */
static bool cgroup_read_number(const struct cgroup *c, size_t n, const char *file, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;

        return file && cgroup_read(c, n, file, &text) == 0 && sscanf(text, "%" SCNu64, ret) == 1;
}

static bool cgroup_find_number(const char *text, const char *key, uint64_t *ret) {
        const char *value = text_behind_key(text, key);

        return value && sscanf(value, "%" SCNu64, ret) == 1;
}

/* The path of the line with these controllers, or NULL. */
static const char *cgroup_find_path(const char *self, const char *controller, size_t *ret_n) {
        for (const char *line = self; line; line = strchr(line, '\n')) {
                const char *colon;

                line += *line == '\n';
                colon = strchr(line, ':');
                if (!colon || strncmp(colon, controller, strlen(controller)) != 0)
                        continue;
                if (text_equal(controller, ":") && colon[1] != ':')
                        continue;
                line = strchr(colon + 1, ':') + 1;
                *ret_n = strcspn(line, "\n");
                return line;
        }
        return NULL;
}

static bool cgroup_is_there(const struct cgroup *c) {
        _cleanup_free_ char *text = NULL;

        return cgroup_read(c, strlen(c->folder), c->kind->current, &text) == 0 ||
               cgroup_read(c, strlen(c->folder), c->kind->events, &text) == 0;
}

/* Where the paths are another name space's, as in some containers, the mount point itself is what there is. */
static int cgroup_try(const struct cgroup_kind *kind, const char *root, const char *path, int n, struct cgroup *ret) {
        _cleanup_cgroup_ struct cgroup c = { .kind = kind, .n_root = strlen(root) + strlen(kind->mount) };

        if (n == 1 && path[0] == '/')
                n = 0;
        if (asprintf(&c.folder, "%s%s%.*s", root, kind->mount, n, path) < 0) {
                c.folder = NULL;
                return -ENOMEM;
        }
        if (!cgroup_is_there(&c))
                c.folder[c.n_root] = '\0';
        if (!cgroup_is_there(&c))
                return CGROUP_E_NONE;
        *ret = c;
        c.folder = NULL;
        return 0;
}

int cgroup_find_in(const char *self, const char *root, struct cgroup *ret) {
        *ret = (struct cgroup){};
        for (size_t i = 0; i < ELEMENTSOF(cgroup_kinds); i++) {
                size_t n = 0;
                const char *path = cgroup_find_path(self, cgroup_kinds[i].controller, &n);
                int r = path ? cgroup_try(&cgroup_kinds[i], root, path, (int)n, ret) : CGROUP_E_NONE;

                if (r <= 0)
                        return r;
        }
        return 0;
}

int cgroup_find(struct cgroup *ret) {
        _cleanup_free_ char *self = NULL;
        int r = fd_read_file(CGROUP_SELF, CGROUP_FILE_MAX, &self, NULL);

        return cgroup_find_in(r < 0 ? "" : self, CGROUP_ROOT, ret);
}

void cgroup_done(struct cgroup *c) {
        free(c->folder);
        c->folder = NULL;
}

/* Bytes in use at a level that the kernel cannot take back without swapping. */
static uint64_t cgroup_used(const struct cgroup *c, size_t n) {
        _cleanup_free_ char *stat = NULL;
        uint64_t used = 0, part;

        if (!cgroup_read_number(c, n, c->kind->current, &used))
                return 0;
        if (cgroup_read(c, n, "memory.stat", &stat) < 0)
                return used;
        for (size_t i = 0; i < ELEMENTSOF(c->kind->reclaimable); i++)
                if (c->kind->reclaimable[i] && cgroup_find_number(stat, c->kind->reclaimable[i], &part))
                        used -= MIN(part, used);
        return used;
}

/* Looks at a level, which may have less room than those below. */
static void cgroup_look(const struct cgroup *c, size_t n, struct cgroup_room *best) {
        for (size_t i = 0; i < ELEMENTSOF(c->kind->limits); i++) {
                uint64_t limit, used;

                if (!cgroup_read_number(c, n, c->kind->limits[i], &limit) || limit >= CGROUP_UNLIMITED)
                        continue;
                used = cgroup_used(c, n);
                if (best->file && best->room <= limit - MIN(used, limit))
                        continue;
                best->limit = limit;
                best->room = limit - MIN(used, limit);
                best->file = c->kind->limits[i];
                snprintf(best->where, sizeof(best->where), "%.*s", n > c->n_root ? (int)(n - c->n_root) : 1,
                         n > c->n_root ? c->folder + c->n_root : "/");
        }
}

int cgroup_room(const struct cgroup *c, struct cgroup_room *ret) {
        struct cgroup_room best = {};
        size_t n = c->folder ? strlen(c->folder) : 0;

        while (c->folder && n > c->n_root) {
                cgroup_look(c, n, &best);
                while (n > c->n_root && c->folder[--n] != '/')
                        ;
        }
        if (c->folder)
                cgroup_look(c, c->n_root, &best);
        if (!best.file)
                return CGROUP_E_NONE;
        *ret = best;
        return 0;
}

int cgroup_oom_kills(const struct cgroup *c, uint64_t *ret) {
        _cleanup_free_ char *events = NULL;

        if (!c->folder || cgroup_read(c, strlen(c->folder), c->kind->events, &events) < 0)
                return CGROUP_E_NONE;
        return cgroup_find_number(events, "oom_kill", ret) ? 0 : CGROUP_E_NONE;
}

int cgroup_machine(uint64_t *ret_total, uint64_t *ret_available) {
        _cleanup_free_ char *text = NULL;
        int r = fd_read_file("/proc/meminfo", CGROUP_FILE_MAX, &text, NULL);

        if (r < 0)
                return r;
        if (!cgroup_find_number(text, "MemTotal", ret_total) ||
            !cgroup_find_number(text, "MemAvailable", ret_available))
                return -EBADMSG;
        *ret_total *= 1024;
        *ret_available *= 1024;
        return 0;
}
