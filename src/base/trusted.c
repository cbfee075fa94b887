/* SPDX-License-Identifier: MIT */
/*
 * A path is walked name by name, each opened in the folder before it and without following links, so that what has been
 * looked at is what is used. See trusted.h.
 */

#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define TRUSTED_LINKS_MAX 40 /* as the kernel's */

struct trusted_walk {
        int folder;          /* the one that rest begins in */
        char rest[PATH_MAX]; /* what is still to be walked */
        unsigned n_links;
};

static int trusted_begin(struct trusted_walk *w, const char *path) {
        if (strlen(path) >= sizeof(w->rest))
                return -ENAMETOOLONG;
        strcpy(w->rest, path);
        w->folder = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return w->folder < 0 ? -errno : 0;
}

/* Takes the next name off rest. False: there is none. *ret_last: nothing comes after it. */
static bool trusted_next(struct trusted_walk *w, char name[static NAME_MAX + 1], bool *ret_last) {
        const char *start = w->rest + strspn(w->rest, "/"), *after;
        size_t n = strcspn(start, "/");

        if (n == 0 || n > NAME_MAX)
                return false;
        memcpy(name, start, n);
        name[n] = '\0';
        after = start + n;
        *ret_last = *after == '\0';
        memmove(w->rest, after, strlen(after) + 1);
        return true;
}

/* Puts the place that a link names in front of what is still to be walked. link: the link itself, open. */
static int trusted_follow(struct trusted_walk *w, int link, const struct stat *st) {
        char target[PATH_MAX], rest[PATH_MAX];
        ssize_t n;

        if (++w->n_links > TRUSTED_LINKS_MAX || st->st_uid != 0)
                return -ELOOP;
        n = readlinkat(link, "", target, sizeof(target) - 1);
        if (n <= 0)
                return n < 0 ? -errno : -ENOENT;
        target[n] = '\0';
        if (snprintf(rest, sizeof(rest), "%s%s", target, w->rest) >= (int)sizeof(rest))
                return -ENAMETOOLONG;
        memcpy(w->rest, rest, sizeof(rest));
        if (target[0] != '/')
                return 0;
        fd_close(w->folder);
        w->folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return w->folder < 0 ? -errno : 0;
}

/* One name that is no link becomes the folder; a link is put in front of the rest. */
static int trusted_enter(struct trusted_walk *w, const char *name) {
        _cleanup_fd_ int fd = openat(w->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return trusted_follow(w, fd, &st);
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        fd_close(w->folder);
        w->folder = TAKE_FD(fd);
        return 0;
}

/* The last name of a path: opened, or a link put in its place (-EAGAIN: walk on). */
static int trusted_open_last(struct trusted_walk *w, const char *name, int flags, mode_t mode) {
        int fd = openat(w->folder, name, flags | O_NOFOLLOW | O_CLOEXEC, mode), r;

        if (fd >= 0 || errno != ELOOP)
                return fd < 0 ? -errno : fd;
        r = trusted_enter(w, name);
        return r == 0 ? -EAGAIN : r == -ENOTDIR ? -ELOOP : r;
}

static int trusted_walk(struct trusted_walk *w, int flags, mode_t mode) {
        char name[NAME_MAX + 1];
        bool last;
        int r;

        while (trusted_next(w, name, &last)) {
                r = last ? trusted_open_last(w, name, flags, mode) : trusted_enter(w, name);
                if (r < 0 && r != -EAGAIN)
                        return r;
                if (last && r >= 0)
                        return r;
        }
        return *w->rest && w->rest[strspn(w->rest, "/")] ? -ENAMETOOLONG : -EISDIR;
}

int trusted_open(const char *path, int flags, mode_t mode) {
        struct trusted_walk w = { .folder = -1 };
        int r;

        if (geteuid() != 0) {
                int fd = open(path, flags | O_CLOEXEC, mode);

                return fd < 0 ? -errno : fd;
        }
        r = trusted_begin(&w, path);
        if (r == 0)
                r = trusted_walk(&w, flags, mode);
        fd_close(w.folder);
        return r;
}

int trusted_open_folder(const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char folder[PATH_MAX];
        int fd;

        if (!*name)
                return -EISDIR;
        if (snprintf(folder, sizeof(folder), "%.*s.", (int)(name - path), path) >= (int)sizeof(folder))
                return -ENAMETOOLONG;
        fd = trusted_open(folder, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0)
                *ret_name = name;
        return fd;
}

int trusted_unlink(const char *path) {
        const char *name;
        _cleanup_fd_ int folder = trusted_open_folder(path, &name);

        if (folder < 0)
                return folder;
        return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}
