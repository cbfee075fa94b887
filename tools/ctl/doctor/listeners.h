/* SPDX-License-Identifier: MIT */
#pragma once
/* Every socket of this network namespace that listens, as the kernel lists them in /proc/net. */

#include "base/addr.h"
#include "doctor/facts.h"

struct doctor_listener {
        const char *path; /* of a unix socket; "" */
        struct addr addr; /* of a TCP one */
        uint64_t inode;
        bool has_queue;
        uint64_t waiting, limit; /* limit 0: not known */
        enum doctor_holder holder;
        const char *holder_name, *holder_unit;
};

struct doctor_listeners {
        struct doctor_listener *items;
        size_t n;
        enum doctor_answer known; /* NO: the kernel's lists could not be read */
};
void doctor_listeners_done(struct doctor_listeners *l);
#define _cleanup_listeners_ _cleanup_(doctor_listeners_done)

/* Texts become the facts'. What waits in the queues of unix sockets is asked for by itself, one by one. */
void doctor_listeners_read(struct doctor_facts *f, struct doctor_listeners *ret);
void doctor_listeners_ask_queues(struct doctor_listeners *l);

/* The one at an address; NULL: none. */
const struct doctor_listener *doctor_listeners_find(const struct doctor_listeners *l, const char *address);

/* Lines of /proc/net/unix and of /proc/net/tcp or tcp6: false when it is no listener. Pure. */
bool doctor_listeners_take_unix(const char *line, uint64_t *ret_inode, const char **ret_path);
bool doctor_listeners_take_tcp(const char *line, struct doctor_listener *ret);
