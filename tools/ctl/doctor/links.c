/* SPDX-License-Identifier: MIT */
/* Web servers may name a link to a pool's socket, as Debian's /run/php/php-fpm.sock is. Followed by hand, as it may
 * lead to a socket that is not there yet. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/collect.h"

#define LINKS_MAX 8

/* One link further. False: it is none. */
static bool links_follow(char path[static PATH_MAX]) {
        char target[PATH_MAX], next[2 * PATH_MAX];
        const char *slash = strrchr(path, '/');
        ssize_t n;

        n = readlink(path, target, sizeof(target) - 1);
        if (n <= 0)
                return false;
        target[n] = '\0';
        if (target[0] == '/')
                snprintf(next, sizeof(next), "%s", target);
        else
                snprintf(next, sizeof(next), "%.*s/%s", (int)(slash - path), path, target);
        return text_copy(path, PATH_MAX, next, strlen(next)) == strlen(next);
}

void doctor_links_collect(struct doctor_facts *f) {
        for (size_t i = 0; i < f->n_backends; i++) {
                struct doctor_backend *b = &f->backends[i];
                char path[PATH_MAX];
                bool is_link = false;

                if (b->address[0] != '/' || strlen(b->address) >= sizeof(path))
                        continue;
                strcpy(path, b->address);
                for (unsigned k = 0; k < LINKS_MAX && links_follow(path); k++)
                        is_link = true;
                if (!is_link)
                        continue;
                b->link = b->address;
                b->address = doctor_facts_keep(f, path);
        }
}
