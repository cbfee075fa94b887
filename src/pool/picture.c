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
