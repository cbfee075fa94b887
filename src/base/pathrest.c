/* SPDX-License-Identifier: MIT */
#include "base/pathrest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATHREST_LINKS_MAX 40 /* as the kernel's */

int pathrest_begin(struct pathrest *r, const char *path) {
        if (strlen(path) >= sizeof(r->text))
                return -ENAMETOOLONG;
        strcpy(r->text, path);
        r->n_links = 0;
        return 0;
}

int pathrest_next(struct pathrest *r, char name[static NAME_MAX + 1]) {
        const char *start = r->text + strspn(r->text, "/");
        size_t n = strcspn(start, "/");

        if (n > NAME_MAX)
                return -ENAMETOOLONG;
        memcpy(name, start, n);
        name[n] = '\0';
        memmove(r->text, start + n, strlen(start + n) + 1);
        return n > 0;
}

int pathrest_follow(struct pathrest *r, int link) {
        char target[PATH_MAX], text[PATH_MAX];
        ssize_t n;

        if (++r->n_links > PATHREST_LINKS_MAX)
                return -ELOOP;
        n = readlinkat(link, "", target, sizeof(target) - 1);
        if (n <= 0)
                return n < 0 ? -errno : -ENOENT;
        target[n] = '\0';
        if (snprintf(text, sizeof(text), "%s%s", target, r->text) >= (int)sizeof(text))
                return -ENAMETOOLONG;
        memcpy(r->text, text, sizeof(text));
        return target[0] == '/' ? PATHREST_E_ROOT : 0;
}
