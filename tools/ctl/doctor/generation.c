/* SPDX-License-Identifier: MIT */
/* A library that was replaced is mapped as a deleted file. A settings file has been changed when its inode has, since
 * packages give files the date that they were made at. */

#include "doctor/generation.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define GENERATION_MAPS_MAX ((size_t)16 << 20)
#define GENERATION_STAT_MAX 4096U

static char *generation_read(pid_t pid, const char *name, size_t max) {
        char path[64], *data;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        return fd_read_file(path, max, &data, NULL) < 0 ? NULL : data;
}

/* Each library has several lines, one after another. */
static const char *generation_look_at_libraries(struct doctor_facts *f, pid_t pid) {
        static const char deleted[] = " (deleted)";
        _cleanup_free_ char *maps = generation_read(pid, "maps", GENERATION_MAPS_MAX);
        const char *first = NULL, *last = NULL;
        char *rest = maps, *line;
        unsigned n = 0;

        while ((line = strsep(&rest, "\n"))) {
                char *path = strchr(line, '/');

                if (!path || !text_has_suffix(path, deleted))
                        continue;
                path[strlen(path) - strlen(deleted)] = '\0';
                if (!strstr(path, ".so") || text_has_prefix(path, "/memfd:") || (last && text_equal(path, last)))
                        continue;
                first = first ?: path;
                last = path;
                n++;
        }
        if (n == 0)
                return "";
        return n == 1 ? doctor_facts_print(f, "%s has been replaced since", first)
                      : doctor_facts_print(f, "%s and %u more libraries have been replaced since", first, n - 1);
}

/* Since the epoch, rounded up to the clock's tick; 0: it cannot be told. */
static usec_t generation_start(pid_t pid) {
        _cleanup_free_ char *data = generation_read(pid, "stat", GENERATION_STAT_MAX);
        const char *fields = data ? strrchr(data, ')') : NULL; /* the name may have blanks */
        struct timespec wall, boot;
        uint64_t ticks, hz = (uint64_t)sysconf(_SC_CLK_TCK);

        if (!fields || sscanf(fields,
                              ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                              " %" SCNu64,
                              &ticks) != 1)
                return 0;
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_BOOTTIME, &boot);
        return (usec_t)(wall.tv_sec - boot.tv_sec) * USEC_PER_SEC + (ticks + 1) * USEC_PER_SEC / hz +
               (usec_t)((wall.tv_nsec - boot.tv_nsec) / 1000);
}

static bool generation_has(const char *files, const char *path) {
        const char *name;
        size_t n;

        while ((name = text_word(&files, ", \t\n", &n)))
                if (strlen(path) == n && memcmp(name, path, n) == 0)
                        return true;
        return false;
}

static bool generation_is_younger(const struct stat *st, usec_t start) {
        return start > 0 && (usec_t)st->st_ctim.tv_sec * USEC_PER_SEC + (usec_t)st->st_ctim.tv_nsec / 1000 > start;
}

/* What generation_look() is about. */
struct generation {
        pid_t pid;
        usec_t start;
        const char *files;
};

/* A file of the folder that was not there; one that PHP could not read is not in its list either. php.ini's own folder
 * is none that PHP looks through. */
static const char *generation_look_beside(struct doctor_facts *f, const struct generation *g, const char *path) {
        const char *slash = strrchr(path, '/'), *found = "";
        _cleanup_free_ char *pattern = NULL;
        glob_t all = {};
        struct stat st;

        if (!slash || text_has_prefix(slash, "/php.ini") || text_has_prefix(slash, "/php-fpm-fcgi.ini"))
                return "";
        if (asprintf(&pattern, "%.*s/*.ini", (int)(slash - path), path) < 0) {
                pattern = NULL;
                return "";
        }
        if (glob(pattern, 0, NULL, &all) == 0)
                for (size_t i = 0; i < all.gl_pathc && !*found; i++)
                        if (!generation_has(g->files, all.gl_pathv[i]) && lstat(all.gl_pathv[i], &st) == 0 &&
                            generation_is_younger(&st, g->start))
                                found = doctor_facts_print(f, "%s has been added since", all.gl_pathv[i]);
        globfree(&all);
        return found;
}

/* A service may have a /tmp of its own. */
static bool generation_lacks(pid_t pid, const char *path) {
        char inside[PATH_MAX + 64];

        snprintf(inside, sizeof(inside), "/proc/%d/root%s", (int)pid, path);
        return access(path, F_OK) < 0 && errno == ENOENT && access(inside, F_OK) < 0 && errno == ENOENT;
}

static const char *generation_look_at_file(struct doctor_facts *f, const struct generation *g, const char *path) {
        struct stat st;

        if (generation_lacks(g->pid, path))
                return doctor_facts_print(f, "%s has gone since", path);
        if (stat(path, &st) < 0 || !generation_is_younger(&st, g->start))
                return "";
        return doctor_facts_print(f, "%s has been changed since", path);
}

/* Folders that several files are in are looked through once: files come folder by folder. */
static const char *generation_look_at_files(struct doctor_facts *f, const struct generation *g) {
        const char *list = g->files, *name, *found = "", *folder = "";
        size_t n;

        while (!*found && (name = text_word(&list, ", \t\n", &n))) {
                const char *path = doctor_facts_print(f, "%.*s", (int)n, name), *slash = strrchr(path, '/');
                size_t n_folder = slash ? (size_t)(slash - path) : 0;

                found = generation_look_at_file(f, g, path);
                if (*found || (strncmp(folder, path, n_folder + 1) == 0))
                        continue;
                found = generation_look_beside(f, g, path);
                folder = path;
        }
        return found;
}

const char *doctor_generation_look(struct doctor_facts *f, pid_t zygote, const char *files) {
        const struct generation g = { zygote, generation_start(zygote), files };
        const char *found = generation_look_at_libraries(f, zygote);

        return *found ? found : generation_look_at_files(f, &g);
}
