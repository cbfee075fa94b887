/* SPDX-License-Identifier: MIT */
#pragma once
/* The pools of the folders that units.conf names, as `fpmctl list`, `enable` and `disable` see them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/names.h"
#include "base/text.h"
#include "conf/model.h"

struct unitlist_pool {
        char *name, *file, *user, *group, *listen; /* "" where the file has none of the last three */
        char *problems;                            /* of its file; NULL: none */
        char *address;                             /* of listen, as socket units have it; NULL: none */
        size_t same; /* the place of another pool with that, and one more; 0: there is none */

        /* of its units, as systemd has them (unitquery.h); "" where it has none loaded */
        char service[32], socket[32];
        char runs_as[64];  /* the service's user */
        char *unit_listen; /* the socket's address; NULL: it was not asked for */
        char *main_listen; /* of a socket unit of fpmd.service's that is up and has the pool's name; NULL: none has */
        uint64_t memory;   /* bytes of its control group; UINT64_MAX: not known */
        uint64_t uid;      /* of that user, while the service runs; UINT64_MAX: not known */

        bool is_read_by_main; /* fpmd.service has the file in its configuration too, and does not leave the pool to its
                                 unit */
        bool has_main_socket; /* a socket unit of fpmd.service's is up for it */
        bool is_stray;        /* of no folder: its unit is up all the same. file: /etc/fpmd/instances', or "" */
};

struct unitlist {
        struct unitlist_pool *pools;
        size_t n;
        struct names places, at; /* of the pools, by name and by address */
        const char *pool_name;   /* the one that is wanted alone; NULL: all are */

        bool main_runs;     /* fpmd.service is up */
        bool main_failed;   /* it has failed */
        bool main_listens;  /* a socket unit of it is */
        char main_user[64]; /* the service's */
        char *main_sockets; /* names of its socket units, with blanks between; NULL: none */
};
void unitlist_done(struct unitlist *l);
#define _cleanup_unitlist_ _cleanup_(unitlist_done)

/* Reads the folders; remarks about files of no pool go to stderr. Where one pool alone is wanted, who has thousands of
 * others is not kept waiting: files that cannot have it are left aside, here and in unitquery_ask(). name: NULL, or
 * borrowed. 0, or a negative exit code after the error was told. */
int unitlist_read(const char *name, struct unitlist *ret);

/* The pool's unit is off, and fpmd.service serves it, with the others of its configuration: where that has socket
 * units, with one of these. */
bool unitlist_is_shared(const struct unitlist *l, const struct unitlist_pool *p);

/* Where the pool's own unit listens; what its file says, of a host that only the unit's start looks up. */
const char *unitlist_address(const struct unitlist_pool *p, char buf[static CONF_PATH_BYTES + 1]);

/* NULL: there is none. */
struct unitlist_pool *unitlist_find(const struct unitlist *l, const char *name);

/* Adds a pool that is of no folder; name: its unit's, which is copied. Borrowed of the list, until it gets another one.
 * NULL: that is no name of a pool's, or of one that is there or is not wanted, or memory is out. */
struct unitlist_pool *unitlist_add_stray(struct unitlist *l, char *name);

/* Which pools fpmd.service reads: is_read_by_main. Of a service that is neither up nor has a socket nobody asks whose
 * pools it has; of one whose configuration does not read they are guessed. 0 or -ENOMEM. */
int unitlist_look_at_main(struct unitlist *l);

/* The pool's own units are, as far as systemd has been asked. */
bool unitlist_is_off(const struct unitlist_pool *p);
