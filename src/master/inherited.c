/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the service manager; see inherited.h. Each is claimed by one pool at most, and one that nobody claims is a
 * mistake in a unit or in a pool's file, not something to close silently: an error where no pool has its socket, else
 * for spare.h.
 */

#include "master/inherited.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/nowait.h"
#include "base/text.h"
#include "conf/conf.h"
#include "log/log.h"
#include "master/sockets.h"
#include "master/store.h"

static int inherited_check(struct inherited_socket *i, const struct conf *conf, struct text *problems) {
        char text[ADDR_TEXT_MAX];
        struct addr a;
        int r;

        r = addr_of_socket(i->fd, &a);
        i->address = strdup(r == 0 ? addr_format(&a, text) : "no socket");
        if (!i->address)
                return -ENOMEM;
        if (asprintf(&i->label, "'%s' (%s)", i->name, i->address) < 0) {
                i->label = NULL;
                return -ENOMEM;
        }
        if (sockets_check(i->fd, &a) < 0) {
                i->deaf = conf_is_left(conf, i->name);
                if (i->deaf)
                        return fd_set_cloexec(i->fd, true);
                text_printf(problems, "descriptor %d %s from the service manager is not a listening stream socket\n",
                            i->fd, i->label);
                return LISTEN_E_PROBLEM;
        }
        return sockets_prepare(i->fd);
}

/* A file comes out of the fd store, whatever its name: no socket unit has one. So does what does not listen and has a
 * name of ours. It may be there from another version of fpmd, which knew more kinds. */
static bool inherited_is_stored(int fd, const char *name) {
        struct stat st;
        struct addr a;

        return store_is_name(name) || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) ||
               (text_has_prefix(name, STORE_PREFIX) && !text_has_suffix(name, ".socket") && sockets_check(fd, &a) < 0);
}

/* name: ours from here on. */
static int inherited_take_one(struct inherited *all, const struct conf *conf, int fd, char *name,
                              struct text *problems) {
        struct inherited_socket *item;

        if (inherited_is_stored(fd, name))
                return stored_add(&all->stored, fd, name);
        item = &all->items[all->n++];
        *item = (struct inherited_socket){ .fd = fd, .name = name };
        return inherited_check(item, conf, problems);
}

int inherited_take(struct inherited *ret, const struct conf *conf, struct text *problems) {
        char **names = NULL;
        int n, r = 0;

        n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;
        ret->items = calloc((size_t)n + 1, sizeof(*ret->items));
        if (!ret->items)
                r = -ENOMEM;
        for (int i = 0; i < n && ret->items; i++) {
                int k = inherited_take_one(ret, conf, SD_LISTEN_FDS_START + i, names[i], problems);

                r = r < 0 ? r : k < 0 ? k : MAX(r, k);
        }
        free(names); /* its strings are the items' now */
        return r;
}

void inherited_done(struct inherited *all) {
        for (size_t i = 0; i < all->n; i++) {
                if (!all->items[i].claimed)
                        nowait_close(all->items[i].fd);
                free(all->items[i].name);
                free(all->items[i].address);
                free(all->items[i].label);
        }
        free(all->items);
        handed_done(&all->handed);
        stored_done(&all->stored);
        *all = (struct inherited){};
}

static bool inherited_is_for(const struct inherited_socket *i, const struct conf_pool *pool, const struct addr *addr) {
        struct addr bound;

        return addr && !i->deaf && addr_of_socket(i->fd, &bound) == 0 && addr_equal(&bound, addr) &&
               !text_equal(i->name, pool->name);
}

size_t inherited_claim(struct inherited *all, const struct conf_pool *pool, struct listen_set *s) {
        struct addr addr;
        bool have_addr = !text_equal(pool->listen, "systemd") && addr_parse(pool->listen, &addr) == 0;

        for (size_t i = 0; i < all->n; i++)
                if (!all->items[i].claimed && text_equal(all->items[i].name, pool->name)) {
                        s->fds[s->n++] = all->items[i].fd;
                        all->items[i].claimed = true;
                }
        for (size_t i = 0, by_name = s->n; i < all->n && by_name == 0; i++)
                if (!all->items[i].claimed && inherited_is_for(&all->items[i], pool, have_addr ? &addr : NULL)) {
                        s->fds[s->n++] = all->items[i].fd;
                        all->items[i].claimed = true;
                }
        return s->n;
}

void inherited_list(const struct inherited *all, struct text *out) {
        text_append(out, "the service manager passed:");
        for (size_t i = 0; i < all->n; i++)
                text_printf(out, "%s %s", i ? "," : "", all->items[i].label ?: "?");
        text_append(out, all->n ? "" : " nothing");
}

/* Nobody would serve its clients: the pool's own unit has a socket. */
static void inherited_close_left_one(struct inherited_socket *i) {
        log_warning("the socket %s from the service manager is closed, since its pool is left to fpmd@%s.socket: "
                    "disable the other socket unit",
                    i->label ?: "?", i->name);
        stored_shut(i->fd);
        i->claimed = true;
}

void inherited_close_left(struct inherited *all, const struct conf *conf) {
        for (size_t i = 0; i < all->n; i++)
                if (!all->items[i].claimed && conf_is_left(conf, all->items[i].name))
                        inherited_close_left_one(&all->items[i]);
}

int inherited_check_claimed(const struct inherited *all, const struct conf *conf, struct text *problems) {
        int r = 0;

        for (size_t i = 0; i < all->n; i++) {
                if (all->items[i].claimed)
                        continue;
                text_printf(problems, "no pool claims the socket %s from the service manager; the pools are:",
                            all->items[i].label ?: "?");
                for (size_t k = 0; k < conf->n_pools; k++)
                        text_printf(problems, "%s '%s' (listen = %s)", k ? "," : "", conf->pools[k].name,
                                    conf->pools[k].listen);
                text_append(problems, "; a socket is claimed by FileDescriptorName= or by its address\n");
                r = LISTEN_E_PROBLEM;
        }
        return r;
}
