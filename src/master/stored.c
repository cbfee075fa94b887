/* SPDX-License-Identifier: MIT */
/*
 * See stored.h. A listener's own address counts, its name is for people. One that is dropped is shut, not only closed:
 * the service manager has it until it has heard that it need not, and would hold the address.
 */

#include "master/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/text.h"
#include "log/log.h"
#include "master/sockets.h"
#include "master/store.h"
#include "master/unixsocket.h"
#include "untrusted/park.h"

void stored_shut(int fd) {
        struct addr a;

        if (addr_of_socket(fd, &a) == 0 && a.sa.sa_family == AF_UNIX && a.un.sun_path[0])
                unixsocket_remove_bound(fd, a.un.sun_path);
        shutdown(fd, SHUT_RDWR);
        nowait_close(fd);
}

/* why: what is to be known of it. */
static void stored_drop(struct stored_item *item, const char *why) {
        log_warning("'%s' of the fd store is dropped: %s", item->name, why);
        if (item->address.n > 0)
                stored_shut(item->fd);
        else
                nowait_close(item->fd);
        item->fd = -1;
}

static bool stored_is_listener(const struct stored_item *item) {
        return item->fd >= 0 && item->address.n > 0;
}

/* Whose it is, is looked at when it is claimed. */
static bool stored_is_idle(const struct stored_item *item) {
        return text_has_prefix(item->name, STORE_IDLE);
}

/* NULL: it is one of ours. */
static const char *stored_check(struct stored_item *item, const struct stat *st) {
        struct addr a;
        int r;

        if (text_has_prefix(item->name, STORE_NUMBERS))
                return NULL; /* looked at when it is read */
        if (stored_is_idle(item))
                return untrusted_park_connection(item->fd, &a) == 0 ? NULL : "it is no connection of a unix socket";
        if (!text_has_prefix(item->name, STORE_LISTENER))
                return "it is nothing that fpmd has put there";
        r = sockets_check(item->fd, &item->address);
        if (r == 0 && st->st_uid != geteuid())
                return "it is another user's";
        if (r == 0)
                r = sockets_prepare(item->fd);
        if (r == 0)
                return NULL;
        item->address.n = 0;
        return "it is not a listening stream socket";
}

int stored_add(struct stored *s, int fd, char *name) {
        struct stored_item *items = reallocarray(s->items, s->n + 1, sizeof(*items)), *item;
        struct stat st = {};
        const char *why;

        if (!items) {
                free(name);
                return -ENOMEM;
        }
        s->items = items;
        item = &items[s->n++];
        (void)fstat(fd, &st);
        *item = (struct stored_item){ .name = name, .dev = st.st_dev, .ino = st.st_ino, .fd = fd };
        (void)fd_set_cloexec(fd, true);
        why = stored_check(item, &st);
        if (why)
                stored_drop(item, why);
        return 0;
}

static bool stored_names(const char *listen, const struct addr *bound) {
        struct addr a;

        if (!listen || addr_parse(listen, &a) < 0)
                return false;
        if (addr_equal(&a, bound))
                return true;
        if (strchr(listen, ':') || a.sa.sa_family == AF_UNIX)
                return false;
        addr_narrow_to_ipv4(&a); /* a port alone, where there was no IPv6 */
        return addr_equal(&a, bound);
}

static bool stored_is_wanted(const struct stored_item *item, const struct conf *conf) {
        for (size_t i = 0; i < conf->n_pools; i++)
                if (stored_names(conf->pools[i].listen, &item->address) ||
                    stored_names(conf->pools[i].status_listen, &item->address))
                        return true;
        return false;
}

void stored_drop_unwanted(struct stored *s, const struct conf *conf) {
        for (size_t i = 0; i < s->n; i++)
                if (stored_is_listener(&s->items[i]) && !stored_is_wanted(&s->items[i], conf))
                        stored_drop(&s->items[i], "no pool listens there");
}

size_t stored_claim(struct stored *s, const struct addr *a, struct listen_set *set) {
        for (size_t i = 0; i < s->n; i++)
                if (stored_is_listener(&s->items[i]) && addr_equal(&s->items[i].address, a) && set->n < set->n_room)
                        set->fds[set->n++] = TAKE_FD(s->items[i].fd);
        return set->n;
}

int stored_claim_numbers(struct stored *s, const char *pool) {
        _cleanup_free_ char *name = s->n > 0 ? store_name(STORE_NUMBERS, pool) : NULL;

        for (size_t i = 0; i < s->n && name; i++)
                if (s->items[i].fd >= 0 && text_equal(s->items[i].name, name))
                        return TAKE_FD(s->items[i].fd);
        return -ENOENT;
}

int stored_claim_idle(struct stored *s, const char *name, size_t *at) {
        while (*at < s->n) {
                struct stored_item *item = &s->items[(*at)++];

                if (item->fd >= 0 && text_equal(item->name, name))
                        return TAKE_FD(item->fd);
        }
        return -ENOENT;
}

static void stored_drop_idle(struct stored *s) {
        unsigned n = 0;

        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].fd >= 0 && stored_is_idle(&s->items[i])) {
                        (void)shutdown(s->items[i].fd, SHUT_RDWR); /* the store has a copy yet */
                        s->items[i].fd = nowait_close(s->items[i].fd);
                        n++;
                }
        if (n > 0)
                log_warning("%u idle connections of the fd store are closed: their pools are gone", n);
}

void stored_drop_rest(struct stored *s) {
        stored_drop_idle(s);
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].fd >= 0)
                        stored_drop(&s->items[i],
                                    s->items[i].address.n > 0 ? "no pool has taken it" : "there is no such pool");
}

void stored_done(struct stored *s) {
        for (size_t i = 0; i < s->n; i++) {
                nowait_close(s->items[i].fd);
                free(s->items[i].name);
        }
        free(s->items);
        *s = (struct stored){};
}
