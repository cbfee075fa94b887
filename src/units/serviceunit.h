/* SPDX-License-Identifier: MIT */
#pragma once
/* What a pool's directives are in the service unit of its instance. systemd.exec(5) */

#include "base/text.h"
#include "base/time.h"
#include "conf/model.h"

struct serviceunit {
        const char *file; /* that the pool stands in */
        const char *name; /* of the pool */
        bool dynamic;     /* systemd makes a user for it, for as long as it runs */
        usec_t exit_idle; /* --exit-idle-time=; 0: none */
};

/* Appends the lines of [Service]. 0; SERVICEUNIT_E_ROOT, SERVICEUNIT_E_UNFIT: *ret is the directive that would make
 * PHP run as root, or that a line of a unit cannot hold (with listen: the file's name). */
enum { SERVICEUNIT_E_ROOT = 1, SERVICEUNIT_E_UNFIT };
int serviceunit_put(const struct serviceunit *unit, const struct conf_pool *pool, struct text *out,
                    enum conf_pool_row *ret);

/* The lines for a pool that cannot be served: its start logs the reason, lines of text, with status 78, after which the
 * template starts nothing again; and serves nothing, whatever becomes of the file meanwhile. */
void serviceunit_put_refusal(const char *why, struct text *out);
