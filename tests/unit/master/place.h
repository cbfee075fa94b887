/* SPDX-License-Identifier: MIT */
#pragma once
/* A folder of a test's own, with what the test puts there. Include cmocka.h before. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

struct place {
        char path[32];
        char name[96]; /* place_name() */
};

static inline int place_new(void **state) {
        static struct place p;

        strcpy(p.path, "/tmp/fpmd-place-XXXXXX");
        *state = &p;
        return mkdtemp(p.path) ? 0 : -1;
}

static inline int place_done(void **state) {
        struct place *p = *state;
        DIR *d = opendir(p->path);

        for (struct dirent *e; d && (e = readdir(d));)
                unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                closedir(d);
        return rmdir(p->path);
}

/* The path of a file there; until the next call. */
static inline const char *place_name(struct place *p, const char *name) {
        snprintf(p->name, sizeof(p->name), "%s/%s", p->path, name);
        return p->name;
}

static inline void place_write(struct place *p, const char *name, const char *text) {
        int fd = open(place_name(p, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        fd_close(fd);
}

/* True when the file has just this text. */
static inline bool place_has(struct place *p, const char *name, const char *text) {
        char buf[64] = "";
        int fd = open(place_name(p, name), O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

        fd_close(fd);
        return n >= 0 && strcmp(buf, text) == 0;
}
