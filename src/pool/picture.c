/* SPDX-License-Identifier: MIT */
/* See picture.h. */

#include "pool/picture.h"

void picture_changed(struct pool *p) {
        p->supervise(p);
        p->env->changed(p, p->env->userdata);
}

struct generation *picture_settings(const struct pool *p) {
        return p->stopping ? NULL : p->current ?: p->starting ?: p->wanted;
}

struct generation *picture_last_settings(const struct pool *p) {
        struct generation *last = picture_settings(p);

        for (struct generation *g = p->generations; p->stopping && g; g = g->next)
                if (!last || g->number > last->number)
                        last = g;
        return last;
}

const struct generation *picture_renewed(const struct pool *p) {
        return p->renewal.state >= RENEWAL_HOLDS ? p->renewal.settings : p->renewal.before;
}
