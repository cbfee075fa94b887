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
#include "base/pathrest.h"

/* The folder of the last path, while that is remembered. */
static struct {
        bool on, has; /* has: the next two */
        int fd;
        char path[PATH_MAX];
} trusted_last;

struct trusted_walk {
        int folder; /* the one that rest begins in */
        struct pathrest rest;
};

static int trusted_begin(struct trusted_walk *w, const char *path) {
        int r = pathrest_begin(&w->rest, path);

        if (r < 0)
                return r;
        w->folder = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return w->folder < 0 ? -errno : 0;
}

/* Puts the place that a link names in front of what is still to be walked. link: the link itself, open. */
static int trusted_follow(struct trusted_walk *w, int link, const struct stat *st) {
        int r = st->st_uid == 0 ? pathrest_follow(&w->rest, link) : -ELOOP;

        if (r != PATHREST_E_ROOT)
                return r;
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
        int next;

        while ((next = pathrest_next(&w->rest, name)) > 0) {
                bool last = !w->rest.text[0];
                int r = last ? trusted_open_last(w, name, flags, mode) : trusted_enter(w, name);
                if (r < 0 && r != -EAGAIN)
                        return r;
                if (last && r >= 0)
                        return r;
        }
        return next < 0 ? next : -EISDIR;
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

void trusted_remember(void) {
        trusted_last.on = true;
}

void trusted_forget(void) {
        if (trusted_last.has)
                fd_close(trusted_last.fd);
        trusted_last.on = trusted_last.has = false;
}

static void trusted_note(const char *folder, int fd) {
        if (!trusted_last.on)
                return;
        if (trusted_last.has)
                fd_close(trusted_last.fd);
        trusted_last.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        trusted_last.has = trusted_last.fd >= 0;
        snprintf(trusted_last.path, sizeof(trusted_last.path), "%s", folder);
}

int trusted_open_folder(const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char folder[PATH_MAX];
        int fd;

        if (!*name)
                return -EISDIR;
        if (snprintf(folder, sizeof(folder), "%.*s.", (int)(name - path), path) >= (int)sizeof(folder))
                return -ENAMETOOLONG;
        if (trusted_last.has && strcmp(folder, trusted_last.path) == 0) {
                fd = fcntl(trusted_last.fd, F_DUPFD_CLOEXEC, 0);
                if (fd < 0)
                        return -errno;
        } else {
                fd = trusted_open(folder, O_PATH | O_DIRECTORY, 0);
                if (fd < 0)
                        return fd;
                trusted_note(folder, fd);
        }
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
