/* SPDX-License-Identifier: MIT */
/*
 * See store.h. The store is not changed step by step, as things come and go, but compared with what it should hold. A
 * name there may stand for several descriptors, and is removed with all of them; what of these is to stay is put in
 * again after it. systemd closes its copy of a listener that is shut by itself.
 */

#include "master/store.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/number.h"
#include "base/text.h"
#include "log/log.h"

#define STORE_NAME_MAX 255 /* systemd's */

/* Of all names, each with its separator: systemd passes them as one string of the environment ($LISTEN_FDNAMES), which
 * execve(2) takes up to 128 KiB of; sockets of units have theirs in it, too, and there may be more of these next time.
 */
#define STORE_NAMES_MAX     ((size_t)96 * 1024)
#define STORE_NAMES_MAX_ALL ((size_t)120 * 1024)

/* Descriptors that are kept at the end. systemd compares each new one with all that it has; and the next master gives
 * them to a park that may not be there yet, over a socket that takes about 550 at the kernel's default of its size. */
#define STORE_KEEP_MAX 512U

/* sd_pid_notify_with_fds(3), FDNAME= */
#define STORE_UNNAMED "stored"

char *store_name(const char *kind, const char *what) {
        _cleanup_text_ struct text name = {};
        char *s;

        text_append(&name, kind);
        for (const char *p = what; *p; p++)
                if (*p == ':' || *p == '%' || *p == ' ' || !isprint((unsigned char)*p))
                        text_printf(&name, "%%%02X", (unsigned char)*p);
                else
                        text_append_c(&name, *p);
        if (name.n > STORE_NAME_MAX || text_finish(&name, &s, NULL) < 0)
                return NULL;
        return s;
}

bool store_is_name(const char *name) {
        return text_has_prefix(name, STORE_LISTENER) || text_has_prefix(name, STORE_NUMBERS) ||
               text_has_prefix(name, STORE_IDLE) || text_equal(name, STORE_UNNAMED);
}

static int store_compare(const void *x, const void *y) {
        const struct store_item *a = x, *b = y;
        int r = strcmp(a->name, b->name);

        if (r == 0)
                r = a->ino < b->ino ? -1 : a->ino > b->ino;
        return r != 0 ? r : a->dev < b->dev ? -1 : a->dev > b->dev;
}

unsigned store_room(void) {
        const char *text = getenv("FDSTORE");
        uint64_t room;

        return text && getenv("NOTIFY_SOCKET") && number_parse_u64(text, UINT_MAX, &room) == 0 ? (unsigned)room : 0;
}

bool store_takes_idle(void) {
        const char *text = getenv("FPMD_STORE_IDLE");

        return text && text_equal(text, "1");
}

static int store_list_grow(struct store_list *l) {
        size_t n_room = MAX(l->n_room * 2, (size_t)16);
        struct store_item *items = reallocarray(l->items, n_room, sizeof(*items));

        if (!items)
                return -ENOMEM;
        l->items = items;
        l->n_room = n_room;
        return 0;
}

int store_list_add(struct store_list *l, char *name, const struct store_item *what) {
        int r = !name ? -ENAMETOOLONG : l->n == l->n_room ? store_list_grow(l) : 0;

        if (r < 0) {
                free(name);
                return r;
        }
        l->items[l->n++] = (struct store_item){ name, what->dev, what->ino, what->fd };
        return 0;
}

void store_list_done(struct store_list *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i].name);
        free(l->items);
        *l = (struct store_list){};
}

static void store_list_sort(struct store_list *l) {
        if (l->n > 0)
                qsort(l->items, l->n, sizeof(*l->items), store_compare);
}

static bool store_list_has(const struct store_list *l, const struct store_item *item) {
        return l->n > 0 && bsearch(item, l->items, l->n, sizeof(*item), store_compare);
}

/* The outcome of telling the service manager. */
static bool store_told(int r, const char *name) {
        if (r < 0)
                log_warning("the fd store cannot be told of '%s', which may not be there after a restart: %s", name,
                            strerror(-r));
        return r >= 0;
}

/* Removes names of which the store has a descriptor too many. Those that stay with it are forgotten as well: they are
 * put in again. */
static void store_remove(struct store_list *holds, const struct store_list *wanted) {
        size_t n_left = 0;

        for (size_t i = 0, end; i < holds->n; i = end) {
                bool keep = true;

                for (end = i; end < holds->n && text_equal(holds->items[i].name, holds->items[end].name); end++)
                        keep &= store_list_has(wanted, &holds->items[end]);
                if (!keep)
                        (void)store_told(sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", holds->items[i].name),
                                         holds->items[i].name);
                for (size_t k = i; k < end; k++)
                        if (keep)
                                holds->items[n_left++] = holds->items[k];
                        else
                                free(holds->items[k].name);
        }
        holds->n = n_left;
}

static bool store_put(const struct store_item *item) {
        _cleanup_text_ struct text message = {};

        text_printf(&message, "FDSTORE=1\nFDNAME=%s", item->name);
        return store_told(sd_pid_notify_with_fds(0, 0, text_peek(&message), &item->fd, 1), item->name);
}

static size_t store_take_name(const char *name) {
        return strlen(name) + 1;
}

void store_add_name(struct store *s, const char *name) {
        s->n_other_names += store_take_name(name);
}

/* Bytes of names that there may be in the store. */
static size_t store_room_of_names(const struct store *s) {
        size_t n_others = MIN(s->n_other_names, STORE_NAMES_MAX_ALL);

        return MIN(STORE_NAMES_MAX, STORE_NAMES_MAX_ALL - n_others);
}

/* How many of the first have names that fit into the environment. */
static size_t store_count_fitting(const struct store *s, const struct store_list *l) {
        size_t n_names = 0, n_max = store_room_of_names(s), n = 0;

        while (n < l->n && (n_names += store_take_name(l->items[n].name)) <= n_max)
                n++;
        return n;
}

static void store_fit(struct store *s, struct store_list *l) {
        size_t n_fitting = store_count_fitting(s, l), n = MIN((size_t)s->room, n_fitting);

        if (l->n <= n)
                return;
        if (!s->told_full)
                log_warning("the fd store has room for %zu of %zu descriptors%s; what is not in it is made anew by a "
                            "restart",
                            n, l->n,
                            n < n_fitting ? ": raise FileDescriptorStoreMax=, FDSTORE where the unit sets it, and "
                                            "LimitNOFILE="
                                          : ", whose names have to fit into a program's environment");
        s->told_full = true;
        for (size_t i = n; i < l->n; i++)
                free(l->items[i].name);
        l->n = n;
}

void store_set(struct store *s, struct store_list *wanted) {
        store_fit(s, wanted);
        store_list_sort(wanted);
        store_list_sort(&s->holds);
        store_remove(&s->holds, wanted);
        for (size_t i = 0; i < wanted->n; i++)
                if (!store_list_has(&s->holds, &wanted->items[i]))
                        (void)store_put(&wanted->items[i]);
        store_list_done(&s->holds);
        s->holds = *wanted;
        *wanted = (struct store_list){};
}

bool store_holds(const struct store *s, const struct store_item *item) {
        return store_list_has(&s->holds, item);
}

static size_t store_count_names(const struct store_list *l) {
        size_t n = 0;

        for (size_t i = 0; i < l->n; i++)
                n += store_take_name(l->items[i].name);
        return n;
}

unsigned store_share(const struct store *s, const char *name, size_t n_parts) {
        size_t n_names = store_count_names(&s->holds), n_max = store_room_of_names(s), n;

        if (n_parts == 0 || s->holds.n >= s->room || n_names >= n_max)
                return 0;
        n = MIN(s->room - s->holds.n, (n_max - n_names) / store_take_name(name));
        return (unsigned)(MIN(n, (size_t)STORE_KEEP_MAX) / n_parts);
}

bool store_keep(struct store *s, const char *name, int fd) {
        const struct store_item item = { (char *)name, 0, 0, fd };

        return store_list_add(&s->holds, strdup(name), &(struct store_item){ NULL, 0, 0, -1 }) == 0 && store_put(&item);
}
