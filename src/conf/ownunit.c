/* SPDX-License-Identifier: MIT */
/*
 * See ownunit.h. The folders are read once for all pools. Where a link leads is of no interest: systemd makes the unit
 * of the template. A name alone says little, since another folder may have a pool of that name (php-fpm's, above all).
 */

#include "conf/ownunit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"

#define OWNUNIT_HEAD   "fpmd@"
#define OWNUNIT_TAIL   ".socket"
#define OWNUNIT_DROPIN "50-pool.conf" /* the generator's */
#define OWNUNIT_SOURCE "SourcePath="
#define OWNUNIT_MAX    ((size_t)1 << 20)

/* The next folder of a path, into buf. False: there is none. */
static bool ownunit_next_folder(const char **path, char buf[static PATH_MAX]) {
        size_t n = strcspn(*path, ":");

        if (!**path)
                return false;
        snprintf(buf, PATH_MAX, "%.*s", (int)MIN(n, (size_t)PATH_MAX - 1), *path);
        *path += n + ((*path)[n] == ':');
        return true;
}

static int ownunit_add(struct conf_ownunits *u, const char *name, size_t n_name) {
        char **names = reallocarray(u->names, u->n + 1, sizeof(*names));
        size_t place;

        if (!names)
                return -ENOMEM;
        u->names = names;
        names[u->n] = strndup(name, n_name);
        if (!names[u->n])
                return -ENOMEM;
        u->n++;
        if (names_find(&u->places, names[u->n - 1], &place)) /* another target wants it too */
                return 0;
        return names_put(&u->places, names[u->n - 1], u->n - 1);
}

/* Calls take() for each entry. A folder that is not there has none. */
static int ownunit_list(int at, const char *folder, int (*take)(void *ctx, int dir, const char *name), void *ctx) {
        _cleanup_dir_ DIR *dir = NULL;
        int fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        const struct dirent *entry;

        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                close(fd);
                return r;
        }
        while (r == 0 && (errno = 0, entry = readdir(dir)))
                r = take(ctx, dirfd(dir), entry->d_name);
        return r == 0 ? -errno : r;
}

static int ownunit_take_link(void *ctx, _unused_ int dir, const char *name) {
        size_t head = strlen(OWNUNIT_HEAD), tail = strlen(OWNUNIT_TAIL), n = strlen(name);

        if (n <= head + tail || !text_has_prefix(name, OWNUNIT_HEAD) || !text_has_suffix(name, OWNUNIT_TAIL))
                return 0;
        return ownunit_add(ctx, name + head, n - head - tail);
}

static int ownunit_take_target(void *ctx, int dir, const char *name) {
        if (!text_has_suffix(name, ".wants") && !text_has_suffix(name, ".requires"))
                return 0;
        return ownunit_list(dir, name, ownunit_take_link, ctx);
}

void conf_ownunit_done(struct conf_ownunits *u) {
        names_done(&u->places);
        for (size_t i = 0; i < u->n; i++)
                free(u->names[i]);
        free(u->names);
        *u = (struct conf_ownunits){};
}

int conf_ownunit_read(const char *path, struct conf_ownunits *ret) {
        char folder[PATH_MAX];
        int r = 0;

        *ret = (struct conf_ownunits){ .path = path };
        while (r == 0 && ownunit_next_folder(&path, folder))
                r = ownunit_list(AT_FDCWD, folder, ownunit_take_target, ret);
        if (r < 0)
                conf_ownunit_done(ret);
        return r;
}

/* "%%" is a unit's way to say "%". */
static void ownunit_unescape(char *s) {
        char *to = s;

        for (; *s; s++) {
                *to++ = *s;
                s += s[0] == '%' && s[1] == '%';
        }
        *to = '\0';
}

static bool ownunit_is_same_file(const char *a, const char *b) {
        struct stat x, y;

        return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool ownunit_is_made_in(const char *folder, const char *pool, const char *file) {
        _cleanup_free_ char *all = NULL;
        char path[PATH_MAX], *line, *rest;

        if (snprintf(path, sizeof(path), "%s/" OWNUNIT_HEAD "%s.service.d/" OWNUNIT_DROPIN, folder, pool) >= PATH_MAX ||
            fd_read_file(path, OWNUNIT_MAX, &all, NULL) < 0)
                return false;
        rest = all;
        while ((line = strsep(&rest, "\n"))) {
                if (!text_has_prefix(line, OWNUNIT_SOURCE))
                        continue;
                line += strlen(OWNUNIT_SOURCE);
                ownunit_unescape(line);
                return ownunit_is_same_file(line, file);
        }
        return false;
}

static bool ownunit_is_masked(const char *folder, const char *pool, const char *kind) {
        char path[PATH_MAX], to[sizeof("/dev/null")];
        ssize_t n;

        if (snprintf(path, sizeof(path), "%s/" OWNUNIT_HEAD "%s.%s", folder, pool, kind) >= PATH_MAX)
                return false;
        n = readlink(path, to, sizeof(to));
        return n == (ssize_t)sizeof(to) - 1 && strncmp(to, "/dev/null", (size_t)n) == 0;
}

static bool ownunit_is_any_masked(const char *path, const char *pool) {
        char folder[PATH_MAX];

        while (ownunit_next_folder(&path, folder))
                if (ownunit_is_masked(folder, pool, "socket") || ownunit_is_masked(folder, pool, "service"))
                        return true;
        return false;
}

static bool ownunit_is_made_of(const char *path, const char *pool, const char *file) {
        char folder[PATH_MAX];

        while (ownunit_next_folder(&path, folder))
                if (ownunit_is_made_in(folder, pool, file))
                        return true;
        return false;
}

bool conf_ownunit_has(const struct conf_ownunits *u, const char *pool) {
        size_t place;

        return names_find(&u->places, pool, &place) && !ownunit_is_any_masked(u->path, pool);
}

bool conf_ownunit_is_of(const struct conf_ownunits *u, const char *pool, const char *file) {
        return conf_ownunit_has(u, pool) && ownunit_is_made_of(u->path, pool, file);
}

bool conf_ownunit_is_enabled(const char *path, const char *pool) {
        _cleanup_ownunits_ struct conf_ownunits units = {};

        return conf_ownunit_read(path, &units) == 0 && conf_ownunit_has(&units, pool);
}

struct ownunit_leaving {
        struct conf_ownunits units;
        struct conf *conf;
        bool failed;
};

static bool ownunit_is_ours(void *ctx, const struct conf_pool *pool) {
        struct ownunit_leaving *k = ctx;

        if (!conf_ownunit_is_of(&k->units, pool->name, pool->where.file))
                return true;
        k->failed = k->failed || conf_add_left(k->conf, pool->name, pool->where.file) < 0;
        return false;
}

void conf_ownunit_leave(struct conf *c, const char *path, struct text *problems) {
        struct ownunit_leaving k = { .conf = c };
        int r = c->n_pools > 0 ? conf_ownunit_read(path, &k.units) : 0;

        if (r < 0)
                text_printf(problems, "[%s] option --leave-to-units: '%s' cannot be read: %s\n", c->files[0], path,
                            strerror(-r));
        else if (c->n_pools > 0 && conf_keep_pools(c, ownunit_is_ours, &k) == 0)
                k.failed = k.failed || conf_add_notice(c, "each pool has a unit of its own that is enabled: nothing is "
                                                          "left to serve here") < 0;
        problems->failed = problems->failed || k.failed;
        conf_ownunit_done(&k.units);
}
