/* SPDX-License-Identifier: MIT */
/* A tree, since thousands of pools are compared with each other. */

#include "units/claims.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct claim {
        char *what;
        char *who;
};

static int claims_compare(const void *a, const void *b) {
        const struct claim *x = a, *y = b;

        return strcmp(x->what, y->what);
}

static void claims_free_one(void *p) {
        struct claim *claim = p;

        if (!claim)
                return;
        free(claim->what);
        free(claim->who);
        free(claim);
}
DEFINE_CLEANUP(struct claim *, claims_free_one)

void claims_done(struct claims *c) {
        tdestroy(c->tree, claims_free_one);
        c->tree = NULL;
}

int claims_take(struct claims *c, const char *what, struct conf_where where, const char **ret) {
        _cleanup_(claims_free_onep) struct claim *claim = calloc(1, sizeof(*claim));
        struct claim **found;

        if (!claim)
                return -ENOMEM;
        claim->what = strdup(what);
        if (asprintf(&claim->who, "[%s:%u]", where.file, where.line) < 0)
                claim->who = NULL;
        if (!claim->what || !claim->who)
                return -ENOMEM;
        found = tsearch(claim, &c->tree, claims_compare);
        if (!found)
                return -ENOMEM;
        if (*found != claim) {
                *ret = (*found)->who;
                return CLAIMS_E_TAKEN;
        }
        TAKE_PTR(claim);
        return 0;
}

int claims_find(const struct claims *c, const char *what, const char **ret) {
        const struct claim wanted = { .what = (char *)what };
        struct claim *const *found = tfind(&wanted, &c->tree, claims_compare);

        if (!found)
                return 0;
        *ret = (*found)->who;
        return CLAIMS_E_TAKEN;
}
