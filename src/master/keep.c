/* SPDX-License-Identifier: MIT */
/* See keep.h. A store may be too small: listeners go first, since what is lost without them are clients. */

#include "master/keep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/addr.h"
#include "base/macros.h"
#include "log/log.h"

/* What a program opens until it has raised its limit of descriptors: libraries, the configuration. */
#define KEEP_SPARE_FILES 64U

static void keep_add(struct store_list *l, const char *kind, const char *what, int fd) {
        struct stat st;
        int r = -EBADF;

        if (fstat(fd, &st) == 0)
                r = store_list_add(l, store_name(kind, what), &(struct store_item){ NULL, st.st_dev, st.st_ino, fd });
        if (r < 0)
                log_warning("'%s%s' is not put into the fd store: %s", kind, what, strerror(-r));
}

/* Sockets that this master has made, or taken over as if it had. */
static void keep_add_set(struct store_list *l, struct listen_set *s) {
        if (!s || s->inherited)
                return;
        for (size_t i = 0; i < s->n; i++) {
                char text[ADDR_TEXT_MAX];
                struct addr a;

                if (addr_of_socket(s->fds[i], &a) == 0)
                        keep_add(l, STORE_LISTENER, addr_format(&a, text), s->fds[i]);
        }
}

static bool keep_has(const struct store *s, int fd) {
        struct store_item item = {};
        char text[ADDR_TEXT_MAX];
        struct stat st;
        struct addr a;
        bool has;

        if (addr_of_socket(fd, &a) < 0 || fstat(fd, &st) < 0)
                return false;
        item = (struct store_item){ store_name(STORE_LISTENER, addr_format(&a, text)), st.st_dev, st.st_ino, fd };
        has = item.name && store_holds(s, &item);
        free(item.name);
        return has;
}

/* Where one of its sockets is not in there, the next start makes the set anew. */
static void keep_note_set(const struct store *s, struct listen_set *set) {
        if (!set || set->inherited)
                return;
        set->stored = true;
        for (size_t i = 0; i < set->n; i++)
                set->stored = set->stored && keep_has(s, set->fds[i]);
}

/* The next program is started with all that is in the store, and cannot load its libraries where these are as many as
 * its limit. That is this one's, and sockets of units count as well. */
static unsigned keep_room(const struct master *m) {
        rlim_t taken = m->inherited.n + KEEP_SPARE_FILES, limit = m->files_given;

        return limit <= taken ? 0 : (unsigned)MIN((rlim_t)store_room(), limit - taken);
}

int keep_begin(struct master *m) {
        const struct stored *back = &m->inherited.stored;
        int r = 0;

        m->store.room = m->daemonized ? 0 : keep_room(m);
        for (size_t i = 0; i < m->inherited.n; i++)
                store_add_name(&m->store, m->inherited.items[i].name);
        if (m->store.room == 0 && !m->daemonized && store_room() > 0)
                log_warning("nothing is put into the fd store, as the next program could not be started with it: raise "
                            "LimitNOFILE=, which is %llu",
                            (unsigned long long)m->files_given);
        for (size_t i = 0; i < back->n && r == 0; i++) {
                const struct stored_item *item = &back->items[i];

                r = store_list_add(&m->store.holds, strdup(item->name),
                                   &(struct store_item){ NULL, item->dev, item->ino, -1 });
        }
        return r;
}

static void keep_collect(const struct master *m, struct store_list *wanted) {
        for (size_t i = 0; i < m->n_pools; i++) {
                if (m->pools[i]->state == STATE_POOL_LEAVES)
                        continue;
                keep_add_set(wanted, m->pools[i]->listeners);
                keep_add_set(wanted, statuspage_listeners(m->pools[i]->status));
        }
        for (size_t i = 0; i < m->n_pools; i++) {
                const struct pool *p = m->pools[i]->pool;

                if (m->pools[i]->state != STATE_POOL_LEAVES)
                        keep_add(wanted, STORE_NUMBERS, p->name, p->scoreboard_fd);
        }
}

void keep_update(struct master *m) {
        struct store_list wanted = {};

        if (m->store.room == 0 && m->store.holds.n == 0)
                return;
        if (m->store.room > 0)
                keep_collect(m, &wanted);
        store_set(&m->store, &wanted);
        for (size_t i = 0; i < m->n_pools; i++) {
                keep_note_set(&m->store, m->pools[i]->listeners);
                keep_note_set(&m->store, statuspage_listeners(m->pools[i]->status));
        }
}

static void keep_spare_set(struct listen_set *s) {
        if (s && s->stored)
                listen_set_spare(s);
}

void keep_spare(const struct master *m) {
        for (size_t i = 0; i < m->n_pools; i++) {
                if (m->pools[i]->state == STATE_POOL_LEAVES)
                        continue;
                keep_spare_set(m->pools[i]->listeners);
                keep_spare_set(statuspage_listeners(m->pools[i]->status));
        }
}
