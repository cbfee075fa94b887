/* SPDX-License-Identifier: MIT */
/* The C library's balanced tree; see tsearch(3). Its comparison gets two entries alone, so each says how. */

#include "base/names.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

struct names_entry {
        const char *name;
        size_t number;
        bool any_case;
};

static int names_compare(const void *a, const void *b) {
        const struct names_entry *x = a, *y = b;

        return x->any_case ? strcasecmp(x->name, y->name) : strcmp(x->name, y->name);
}

static struct names_entry *names_look(const struct names *n, const char *name) {
        const struct names_entry key = { .name = name, .any_case = n->any_case };
        struct names_entry **found = tfind(&key, &n->root, names_compare);

        return found ? *found : NULL;
}

int names_put(struct names *n, const char *name, size_t number) {
        _cleanup_free_ struct names_entry *e = NULL;
        struct names_entry *old = names_look(n, name);

        if (old) {
                old->number = number;
                return 0;
        }
        e = malloc(sizeof(*e));
        if (!e)
                return -ENOMEM;
        *e = (struct names_entry){ .name = name, .number = number, .any_case = n->any_case };
        if (!tsearch(e, &n->root, names_compare))
                return -ENOMEM;
        TAKE_PTR(e);
        return 0;
}

bool names_find(const struct names *n, const char *name, size_t *ret) {
        const struct names_entry *e = names_look(n, name);

        if (e)
                *ret = e->number;
        return e;
}

void names_remove(struct names *n, const char *name) {
        struct names_entry *e = names_look(n, name);

        if (!e)
                return;
        tdelete(e, &n->root, names_compare);
        free(e);
}

void names_done(struct names *n) {
        tdestroy(n->root, free);
        n->root = NULL;
}
