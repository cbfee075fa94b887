/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The service manager's fd store (systemd.service(5), FileDescriptorStoreMax=), which holds descriptors over a restart
 * or a crash: what is in it, and how it comes to hold what it should. keep.h says what that is, stored.h takes it back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A descriptor in the store, or that is to be. */
struct store_item {
        char *name;
        dev_t dev; /* which one it is */
        ino_t ino;
        int fd; /* lent; -1: it came out of the store */
};

struct store_list {
        struct store_item *items;
        size_t n, n_room;
};

struct store {
        unsigned room;        /* 0: there is no store */
        size_t n_other_names; /* bytes, of what the next program gets beside it; see store_add_name() */
        struct store_list holds;
        bool told_full;
};

/* Names of descriptors: "fpmd-KIND-WHAT", bytes that such a name cannot have as %XX. A fresh string; NULL: out of
 * memory, or longer than a name can be. */
#define STORE_PREFIX   "fpmd-"
#define STORE_LISTENER STORE_PREFIX "listener-"
#define STORE_NUMBERS  STORE_PREFIX "numbers-"
#define STORE_IDLE     STORE_PREFIX "idle-"
char *store_name(const char *kind, const char *what);

/* Whether a name is one of these, or what systemd calls a descriptor without one, so that it comes from the store. */
bool store_is_name(const char *name);

/* How many descriptors the store holds by $FDSTORE, which systemd 254 and later set, and before that the unit has to;
 * 0: there is none. */
unsigned store_room(void);

/* Whether idle connections may be put there, by $FPMD_STORE_IDLE: fpmd's units say so for systemd 254 and later. One
 * before that closes what it holds by itself, and the last close(2) of a unix socket in whose queue a client has put a
 * TCP socket that lingers (SO_LINGER) waits: of the whole system, then. */
bool store_takes_idle(void);

/* name: the list's from here on; NULL: out of memory, or there is no such name. 0 or -errno, and the list is as before.
 */
int store_list_add(struct store_list *l, char *name, const struct store_item *what);
void store_list_done(struct store_list *l);

/* A socket of a unit has this name, which takes its place in the next program's environment. */
void store_add_name(struct store *s, const char *name);

/* How many more descriptors of that name the store may hold as things are, where each of n_parts gets as many; what it
 * holds for sure is not touched. */
unsigned store_share(const struct store *s, const char *name, size_t n_parts);

/* One more, beside what was set; fd stays the caller's. False: it is not there. */
bool store_keep(struct store *s, const char *name, int fd);

/* Has the store hold the first of these, as many as there is room for, and nothing else. The list is the store's. */
void store_set(struct store *s, struct store_list *wanted);

/* Whether it holds this one since then, by name and inode. */
bool store_holds(const struct store *s, const struct store_item *item);
