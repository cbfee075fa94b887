/* SPDX-License-Identifier: MIT */
/*
 * Two pictures compared: what has grown, and what has changed without growing. Of a value and those within it the
 * outermost is told. Contents of strings are not, as they may be somebody's secrets.
 *
 * Names that only the second picture has lie within something that has grown, and is told; unless they are roots: a
 * global variable is new then, and a static one is compared with what its code begins with.
 */

#include "sapi/leaks.h"

#define LEAKDIFF_MEMORY 1024U /* bytes: less is not told */

/* The name as PHP code would write it. */
static void leakdiff_name(const struct leakwalk *w, const struct leakwalk_node *n, struct text *t) {
        const char *label = w->names.data + n->label;

        if (n->parent != UINT32_MAX)
                leakdiff_name(w, &w->nodes[n->parent], t);
        switch ((enum leakwalk_how)n->how) {
        case LEAKWALK_ROOT:
                text_append(t, label);
                break;
        case LEAKWALK_PROPERTY:
                text_printf(t, "->%s", label);
                break;
        case LEAKWALK_ELEMENT:
                text_printf(t, "[%s]", label);
                break;
        case LEAKWALK_INNER:
                text_printf(t, "{%s}", label);
                break;
        case LEAKWALK_VARIABLE:
                text_printf(t, "'s $%s", label);
        }
}

/* The variable's name is what is behind the last '$' of a root's label. */
static void leakdiff_place(const struct leakwalk *w, const struct leakwalk_node *n, struct leaks_place *ret) {
        const char *label, *dollar;

        while (!n->owner && !n->function && n->parent != UINT32_MAX)
                n = &w->nodes[n->parent];
        label = w->names.data + n->label;
        dollar = strrchr(label, '$');
        label = dollar ? dollar + 1 : label;
        if (n->owner)
                sapi_leaklines_of_property(n->owner, label, ret);
        else if (n->function)
                sapi_leaklines_of_variable(n->function, label, ret);
        else
                sapi_leaklines_of_global(label, ret);
}

static void leakdiff_tell(struct leakwalk *w, struct leakwalk_node *n, enum sapi_leak_kind kind, const char *what) {
        _cleanup_text_ struct text name = {};
        struct leaks_place place = {};

        n->told = true;
        leakdiff_name(w, n, &name);
        leakdiff_place(w, n, &place);
        if (!place.file && n->ce && n->ce->type == ZEND_USER_CLASS)
                place = (struct leaks_place){ .file = ZSTR_VAL(n->ce->info.user.filename),
                                              .line = n->ce->info.user.line_start };
        sapi_leaks_tell(kind, text_peek(&name), what, &place);
}

/* What a value is, in words. */
static void leakdiff_describe(const struct leakwalk_node *n, struct text *t) {
        double real;

        switch (n->type) {
        case IS_LONG:
                text_printf(t, "%lld", (long long)n->digest);
                break;
        case IS_DOUBLE:
                memcpy(&real, &n->digest, sizeof(real));
                text_printf(t, "%g", real);
                break;
        case IS_STRING:
                text_printf(t, "a string of %llu bytes", (unsigned long long)n->n);
                break;
        case IS_ARRAY:
                text_printf(t, "an array of %llu", (unsigned long long)n->n);
                break;
        case IS_OBJECT:
                text_printf(t, "an object of %s", ZSTR_VAL(n->ce->name));
                break;
        case IS_RESOURCE:
                text_printf(t, "resource #%u", n->handle);
                break;
        default:
                text_append(t, n->type == IS_TRUE ? "true" : n->type == IS_FALSE ? "false" : "null");
        }
}

static void leakdiff_tell_change(struct leakwalk *w, struct leakwalk_node *n, const struct leakwalk_node *before) {
        _cleanup_text_ struct text what = {};

        text_append(&what, "changed from ");
        leakdiff_describe(before, &what);
        text_append(&what, " to ");
        leakdiff_describe(n, &what);
        leakdiff_tell(w, n, SAPI_LEAK_CHANGED, text_peek(&what));
}

static void leakdiff_tell_growth(struct leakwalk *w, struct leakwalk_node *n, uint64_t before) {
        _cleanup_text_ struct text what = {};

        text_printf(&what, "grew from %llu to %llu %s", (unsigned long long)before, (unsigned long long)n->n,
                    n->type == IS_STRING ? "bytes" : "elements");
        leakdiff_tell(w, n, SAPI_LEAK_GREW, text_peek(&what));
}

static bool leakdiff_is_container(const struct leakwalk_node *n) {
        return n->type == IS_ARRAY || n->type == IS_OBJECT;
}

/* Of the same name. */
static void leakdiff_compare(struct leakwalk *w, struct leakwalk_node *n, const struct leakwalk_node *before) {
        if (n->type != before->type || n->ce != before->ce) {
                if (n->type == IS_ARRAY && n->n > 0 && before->type != IS_OBJECT)
                        leakdiff_tell_growth(w, n, 0);
                else
                        leakdiff_tell_change(w, n, before);
                return;
        }
        if (n->identity != before->identity || n->handle != before->handle)
                leakdiff_tell(w, n, SAPI_LEAK_CHANGED, n->type == IS_OBJECT ? "is another object" : "is another one");
        else if (n->n > before->n)
                leakdiff_tell_growth(w, n, before->n);
        else if (n->n < before->n && leakdiff_is_container(n))
                leakdiff_tell(w, n, SAPI_LEAK_CHANGED, "has fewer elements");
        else if (n->type == IS_ARRAY && n->digest != before->digest)
                leakdiff_tell(w, n, SAPI_LEAK_CHANGED, "has other keys, and no more of them");
        else if (n->type == IS_STRING && n->digest != before->digest)
                leakdiff_tell(w, n, SAPI_LEAK_CHANGED, "is another string");
        else if (n->digest != before->digest)
                leakdiff_tell_change(w, n, before);
}

static void leakdiff_tell_new_root(struct leakwalk *w, struct leakwalk_node *n) {
        _cleanup_text_ struct text what = {};
        struct leakwalk_node initial = {};

        if (n->function && !n->initial)
                return; /* of a function that has been called since: it runs the loop now */
        if (n->initial) {
                if (Z_TYPE_P(n->initial) == IS_CONSTANT_AST || Z_TYPE_P(n->initial) == IS_UNDEF)
                        return;
                sapi_leakwalk_measure(&initial, n->initial);
                leakdiff_compare(w, n, &initial);
                return;
        }
        text_append(&what, "is new: ");
        leakdiff_describe(n, &what);
        leakdiff_tell(w, n, SAPI_LEAK_GREW, text_peek(&what));
}

static void leakdiff_tell_class(const struct leakwalk_class *c, uint64_t before) {
        struct leaks_place place = {};
        _cleanup_text_ struct text name = {}, what = {};

        if (c->ce->type == ZEND_USER_CLASS)
                place = (struct leaks_place){ .file = ZSTR_VAL(c->ce->info.user.filename),
                                              .line = c->ce->info.user.line_start };
        text_printf(&name, "objects of %s", ZSTR_VAL(c->ce->name));
        text_printf(&what, "grew from %llu to %llu", (unsigned long long)before, (unsigned long long)c->n);
        sapi_leaks_tell(SAPI_LEAK_GREW, text_peek(&name), text_peek(&what), &place);
}

static void leakdiff_tell_classes(const struct leakwalk *before, const struct leakwalk *after) {
        for (size_t i = 0; i < after->n_classes; i++) {
                uint64_t n = 0;

                for (size_t k = 0; k < before->n_classes; k++)
                        if (before->classes[k].ce == after->classes[i].ce)
                                n = before->classes[k].n;
                if (after->classes[i].n > n)
                        leakdiff_tell_class(&after->classes[i], n);
        }
}

static void leakdiff_tell_memory(const struct leakwalk *before, const struct leakwalk *after) {
        _cleanup_text_ struct text what = {};

        if (after->memory < before->memory + LEAKDIFF_MEMORY)
                return;
        text_printf(&what, "grew from %zu to %zu bytes", before->memory, after->memory);
        sapi_leaks_tell(SAPI_LEAK_GREW, "PHP's memory after garbage collection", text_peek(&what),
                        &(struct leaks_place){});
}

void sapi_leakdiff_tell(struct leakwalk *before, struct leakwalk *after) {
        for (size_t i = 0; i < after->n_nodes; i++) {
                struct leakwalk_node *n = &after->nodes[i];
                uint32_t at = sapi_leakmap_get(&before->index, n->key);

                n->told = n->parent != UINT32_MAX && after->nodes[n->parent].told;
                if (n->told)
                        continue;
                if (at != UINT32_MAX)
                        leakdiff_compare(after, n, &before->nodes[at]);
                else if (n->parent == UINT32_MAX)
                        leakdiff_tell_new_root(after, n);
        }
        leakdiff_tell_classes(before, after);
        leakdiff_tell_memory(before, after);
        if (before->cut || after->cut)
                sapi_leaks_tell(SAPI_LEAK_GREW, "the search", "is not complete: there are too many values",
                                &(struct leaks_place){});
}
