/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a reload will do, decided before anything is done: from the pools that run and the configuration that is to
 * hold, a step for each pool. Pure: no system call, no log, no clock. reload.c takes the picture, and carries the plan
 * out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/text.h"

/* A pool that runs. Texts are borrowed. */
struct plan_running {
        const char *name;
        const char *listen; /* the directive that its listeners were opened for */
        struct addr bound;  /* their address; .n = 0: unknown */
        const char *page;   /* pm.status_listen of the page it has, or NULL */
        bool of_systemd;    /* the service manager opened its listeners */
        bool left;          /* the configuration leaves it to a unit of its own, which has sockets */
        bool ends;          /* an earlier reload has dropped it, and it still drains */
        uid_t uid;          /* of its processes, which have its listeners; for plan_check_heirs() */
};

/* A pool of the configuration that is to hold. */
struct plan_wanted {
        const char *name;
        const char *listen;
        struct addr address; /* what listen names; .n = 0: no address */
        const char *page;    /* pm.status_listen, or NULL */
        bool changed;        /* no pool runs with just these settings */
        uid_t uid;           /* that its processes will have; likewise */
};

/* Which pools are asked for. */
struct plan_scope {
        bool all;
        bool changed;      /* those whose settings have changed */
        const char *names; /* and these, one a line, each in the configuration */
};

struct plan_input {
        const struct plan_running *running;
        size_t n_running;
        const struct plan_wanted *wanted;
        size_t n_wanted;
        struct plan_scope scope;
        bool activated; /* the service manager has passed sockets at the start: it opens all of them */
};

enum plan_action {
        PLAN_KEEP,    /* the pool goes on as it is */
        PLAN_DRAIN,   /* an earlier reload has dropped it: nothing is left to do */
        PLAN_START,   /* it is new */
        PLAN_REPLACE, /* its next generation takes the current one's place */
        PLAN_DROP,    /* it is not in the configuration any more */
};

/* Where the next generation of a pool listens. */
enum plan_listeners {
        PLAN_LISTENERS_KEPT,   /* on the sockets that the pool has */
        PLAN_LISTENERS_OPENED, /* on new ones */
        PLAN_LISTENERS_TAKEN,  /* on those of another pool, which leaves them in this reload */
};

/* What becomes of the address that a pool has had so far. */
enum plan_address {
        PLAN_ADDRESS_KEPT,
        PLAN_ADDRESS_PASSED_ON, /* another pool takes the sockets, with what waits in them */
        PLAN_ADDRESS_GIVEN_UP,  /* connections that wait there move to the pool's park; then the sockets are shut */
};

/* What becomes of its page at pm.status_listen. */
enum plan_page {
        PLAN_PAGE_KEPT, /* or there is none */
        PLAN_PAGE_OPENED,
        PLAN_PAGE_CLOSED,
};

struct plan_step {
        enum plan_action action;
        enum plan_listeners listeners;
        size_t from; /* of PLAN_LISTENERS_TAKEN: the running pool that has them */
        enum plan_address address;
        enum plan_page page;
};

/* True when a generation of the pool is started. */
bool plan_starts(const struct plan_step *s);

#define PLAN_NO_STEP ((size_t)-1)

struct plan {
        struct plan_step *steps; /* of the running pools, in their order; then of new ones, in the configuration's */
        size_t n_steps;
        size_t *of_wanted; /* for each pool of the configuration its step, or PLAN_NO_STEP: it is not asked for */
};

/* 0 and *ret, for plan_done(); PLAN_E_REFUSED: it cannot be done, each reason is a line in problems; -ENOMEM. */
enum { PLAN_E_REFUSED = 1 };
int plan_make(const struct plan_input *in, struct plan *ret, struct text *problems);

/* Whether each pool that takes another one's listeners (PLAN_LISTENERS_TAKEN) has the same user; those two need theirs.
 * 0 or PLAN_E_REFUSED, told in problems. */
int plan_check_heirs(const struct plan_input *in, const struct plan *p, struct text *problems);

void plan_done(struct plan *p);
#define _cleanup_plan_ _cleanup_(plan_done)
