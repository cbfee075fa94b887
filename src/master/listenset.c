/* SPDX-License-Identifier: MIT */
/* See listenset.h. */

#include "master/listenset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/nowait.h"
#include "base/program.h"
#include "base/text.h"
#include "log/log.h"

void listen_set_unlink(struct listen_set *s) {
        unixsocket_remove(&s->file);
}

void listen_set_spare(struct listen_set *s) {
        unixsocket_forget(&s->file);
}

void listen_set_free(struct listen_set *s) {
        if (!s)
                return;
        listen_set_unlink(s);
        for (size_t i = 0; i < s->n; i++)
                nowait_close(s->fds[i]);
        free(s->fds);
        free(s->pool);
        free(s->listen);
        free(s);
}

struct listen_set *listen_set_new(const struct conf_pool *pool, size_t n) {
        _cleanup_(listen_set_freep) struct listen_set *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->n_room = MAX(n, (size_t)CONF_SHARDS_MAX);
        s->fds = calloc(s->n_room, sizeof(int));
        s->pool = strdup(pool->name);
        s->listen = strdup(pool->listen);
        return s->fds && s->pool && s->listen ? TAKE_PTR(s) : NULL;
}

int listen_set_share(struct listen_set *from, const struct conf_pool *pool, struct listen_set **ret) {
        _cleanup_(listen_set_freep) struct listen_set *s = listen_set_new(pool, from->n);

        if (!s)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                s->fds[i] = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 3);
                if (s->fds[i] < 0)
                        return -errno;
                s->n++;
        }
        s->n_active = from->n_active;
        s->from = from;
        *ret = TAKE_PTR(s);
        return 0;
}

void listen_set_commit(struct listen_set *s) {
        if (s->from) {
                s->file = s->from->file;
                s->from->file = (struct unixsocket){};
        }
        s->from = NULL;
}

/* php-fpm writes IPv6 without brackets here. */
static void listen_set_log_one(int fd, const char *address) {
        size_t n = strcspn(address, "]");

        if (program_is_php_fpm() && address[0] == '[' && address[n])
                log_notice("using inherited socket fd=%d, \"%.*s%s\"", fd, (int)n - 1, address + 1, address + n + 1);
        else
                log_notice("using inherited socket fd=%d, \"%s\"", fd, address);
}

void listen_set_log(const struct listen_set *s) {
        char last[ADDR_TEXT_MAX] = "";

        for (size_t i = 0; i < s->n; i++) {
                char text[ADDR_TEXT_MAX] = "?";
                struct addr a;

                if (addr_of_socket(s->fds[i], &a) == 0)
                        addr_format(&a, text);
                if (!text_equal(text, last)) /* one line for all shards of an address */
                        listen_set_log_one(s->fds[i], text);
                memcpy(last, text, sizeof(last));
        }
}

char **listen_set_names(const struct listen_set *s) {
        char **names = calloc(s->n + 1, sizeof(*names));

        for (size_t i = 0; names && i < s->n; i++) {
                char text[ADDR_TEXT_MAX] = "?";
                struct addr a;

                if (addr_of_socket(s->fds[i], &a) == 0)
                        addr_format(&a, text);
                names[i] = strdup(text);
                if (!names[i]) {
                        listen_set_free_names(names);
                        return NULL;
                }
        }
        return names;
}

void listen_set_free_names(char **names) {
        for (size_t i = 0; names && names[i]; i++)
                free(names[i]);
        free(names);
}
