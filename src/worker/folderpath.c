/* SPDX-License-Identifier: MIT */
/*
 * A path is walked name by name, each opened in the folder before it, so that what has been looked at is what is used:
 * older workers of the pool may be changing it meanwhile. Below a folder that the pool may write all is its own, and
 * no link is followed there.
 */

#include "worker/folderpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/pathrest.h"

struct folderpath_walk {
        const struct folderpath_writable *writable;
        int at;
        bool is_theirs;
        struct pathrest rest; /* from at */
};

int folderpath_add(struct folderpath_writable *w, const char *path) {
        _cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct folderpath_id *items;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        items = reallocarray(w->items, w->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        w->items = items;
        items[w->n++] = (struct folderpath_id){ st.st_dev, st.st_ino };
        return 0;
}

void folderpath_done(struct folderpath_writable *w) {
        free(w->items);
        *w = (struct folderpath_writable){};
}

static bool folderpath_has(const struct folderpath_writable *w, const struct stat *st) {
        for (size_t i = 0; i < w->n; i++)
                if (w->items[i].dev == st->st_dev && w->items[i].ino == st->st_ino)
                        return true;
        return false;
}

/* Goes on from there. Takes over fd. */
static void folderpath_go(struct folderpath_walk *w, int fd, const struct stat *st) {
        fd_close(w->at);
        w->at = fd;
        w->is_theirs = w->is_theirs || folderpath_has(w->writable, st);
}

static int folderpath_go_to_root(struct folderpath_walk *w) {
        _cleanup_fd_ int fd = open("/", O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        folderpath_go(w, TAKE_FD(fd), &st);
        return 0;
}

/* Puts the place that a link names in front of what is still to be walked. */
static int folderpath_follow(struct folderpath_walk *w, int link) {
        int r;

        if (w->is_theirs)
                return FOLDERPATH_E_LINK;
        r = pathrest_follow(&w->rest, link);
        return r == PATHREST_E_ROOT ? folderpath_go_to_root(w) : r;
}

static int folderpath_enter(struct folderpath_walk *w, const char *name) {
        _cleanup_fd_ int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return folderpath_follow(w, fd);
        folderpath_go(w, TAKE_FD(fd), &st);
        return 0;
}

static int folderpath_walk(struct folderpath_walk *w) {
        char name[NAME_MAX + 1];
        int r = folderpath_go_to_root(w);

        while (r == 0) {
                r = pathrest_next(&w->rest, name);
                if (r <= 0)
                        return r;
                r = folderpath_enter(w, name);
        }
        return r;
}

int folderpath_open(const struct folderpath_writable *w, const char *path, int *ret_fd) {
        struct folderpath_walk walk = { .writable = w, .at = open(path, O_PATH | O_CLOEXEC) };
        int r;

        if (walk.at < 0)
                return -errno;
        r = pathrest_begin(&walk.rest, path);
        if (r == 0)
                r = folderpath_walk(&walk);
        if (r == 0)
                *ret_fd = walk.at;
        else
                fd_close(walk.at);
        return r;
}
