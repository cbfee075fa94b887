/* SPDX-License-Identifier: MIT */
#pragma once
/* Clients of a status page. */

#include <systemd/sd-event.h>

#include "pool/pool.h"

#define STATUSCLIENT_MAX 32

/* Those of one page: at most STATUSCLIENT_MAX. */
struct statusclients {
        sd_event *event;
        const struct pool *pool;
        void (*left)(void *userdata); /* one of them has left */
        void *userdata;
        struct statusclient *first;
        size_t n;
};

/* False: there are as many as may be, and all of them read replies. */
bool statusclient_make_room(struct statusclients *all);

/* Takes over the connection, also when it fails. 0 or -errno. */
int statusclient_new(struct statusclients *all, int fd);

/* Cuts all connections. */
void statusclient_free_all(struct statusclients *all);
