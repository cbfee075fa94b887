/* SPDX-License-Identifier: MIT */
/*
 * A picture of all values that can be reached from the roots, by name: what each is, how large, and for what is no
 * container a digest. Breadth first, so that a value with several names gets the shortest. The list of nodes is the
 * queue of the walk; no PHP code runs during it, so arrays and objects are pointed to. Not the values that hold them:
 * get_gc() of PHP's own classes has one buffer for all their objects, and the next one overwrites it.
 *
 * An array or object is entered once. Arrays that cannot change (opcache's) are measured and not entered.
 */

#include "sapi/leaks.h"

#define LEAKWALK_MAX   1000000U /* values */
#define LEAKWALK_LABEL 48U      /* bytes of a key that are shown */

static uint64_t leakwalk_mix(uint64_t a, uint64_t b) {
        a = (a ^ b) * 0x9e3779b97f4a7c15ULL;
        a ^= a >> 29;
        a *= 0xbf58476d1ce4e5b9ULL;
        return a ^ a >> 32;
}

static uint64_t leakwalk_hash_keys(const HashTable *array) {
        uint64_t sum = 0; /* in any order */
        zend_string *key;
        zend_ulong i;

        ZEND_HASH_FOREACH_KEY((HashTable *)array, i, key) {
                sum += leakwalk_mix(key ? zend_inline_hash_func(ZSTR_VAL(key), ZSTR_LEN(key)) : i, key ? 1 : 2);
        }
        ZEND_HASH_FOREACH_END();
        return sum;
}

/* A closure is what it does: code that makes it anew for each request keeps nothing by that. */
static const void *leakwalk_identify(const zend_object *o) {
        return o->ce == zend_ce_closure ? zend_get_closure_method_def((zend_object *)o)->op_array.opcodes
                                        : (const void *)o;
}

void sapi_leakwalk_measure(struct leakwalk_node *n, const zval *value) {
        n->type = Z_TYPE_P(value);
        switch (n->type) {
        case IS_LONG:
                n->digest = (uint64_t)Z_LVAL_P(value);
                break;
        case IS_DOUBLE:
                memcpy(&n->digest, &Z_DVAL_P(value), sizeof(n->digest));
                break;
        case IS_STRING:
                n->n = Z_STRLEN_P(value);
                n->digest = zend_inline_hash_func(Z_STRVAL_P(value), Z_STRLEN_P(value));
                break;
        case IS_ARRAY:
                n->n = zend_hash_num_elements(Z_ARRVAL_P(value));
                n->digest = leakwalk_hash_keys(Z_ARRVAL_P(value));
                break;
        case IS_OBJECT:
                n->ce = Z_OBJCE_P(value);
                n->identity = leakwalk_identify(Z_OBJ_P(value));
                n->handle = n->ce == zend_ce_closure ? 0 : Z_OBJ_HANDLE_P(value);
                break;
        case IS_RESOURCE:
                n->handle = (uint32_t)Z_RES_HANDLE_P(value);
                break;
        default:
                break;
        }
}

static bool leakwalk_reserve(struct leakwalk *w) {
        size_t size = w->size ? w->size * 2 : 4096;
        struct leakwalk_node *nodes;

        if (w->n_nodes < w->size)
                return true;
        nodes = w->n_nodes < LEAKWALK_MAX ? reallocarray(w->nodes, size, sizeof(*nodes)) : NULL;
        if (!nodes)
                return false;
        w->nodes = nodes;
        w->size = size;
        return true;
}

static const void *leakwalk_get_container(const zval *value) {
        if (Z_TYPE_P(value) == IS_ARRAY)
                return Z_ARRVAL_P(value);
        return Z_TYPE_P(value) == IS_OBJECT ? Z_OBJ_P(value) : NULL;
}

void sapi_leakwalk_add(struct leakwalk *w, struct leakwalk_node n, const char *label, size_t n_label) {
        uint64_t above = n.parent == UINT32_MAX ? 0 : w->nodes[n.parent].key;

        if (Z_TYPE_P(n.value) == IS_INDIRECT)
                n.value = Z_INDIRECT_P(n.value);
        ZVAL_DEREF(n.value);
        if (Z_TYPE_P(n.value) == IS_UNDEF)
                return;
        n.key = leakwalk_mix(above + n.how, zend_inline_hash_func(label, n_label));
        if (!leakwalk_reserve(w)) {
                w->cut = true;
                return;
        }
        if (!sapi_leakmap_put(&w->index, n.key, (uint32_t)w->n_nodes))
                return; /* a second name of the same */
        n.label = w->names.n;
        text_append_n(&w->names, label, n.how == LEAKWALK_ROOT ? n_label : MIN(n_label, (size_t)LEAKWALK_LABEL));
        text_append_c(&w->names, '\0');
        sapi_leakwalk_measure(&n, n.value);
        n.container = leakwalk_get_container(n.value);
        n.value = NULL;
        w->nodes[w->n_nodes++] = n;
}

static void leakwalk_add_elements(struct leakwalk *w, struct leakwalk_node child, const HashTable *table) {
        const zend_op_array *function = child.function;
        zend_string *key;
        zend_ulong i;
        zval *v;

        ZEND_HASH_FOREACH_KEY_VAL((HashTable *)table, i, key, v) {
                char number[32];

                if (Z_TYPE_P(v) == IS_INDIRECT && child.how != LEAKWALK_VARIABLE)
                        continue; /* a declared property, which is taken as such */
                child.value = v;
                child.function = function;
                snprintf(number, sizeof(number), ZEND_LONG_FMT, (zend_long)i);
                sapi_leakwalk_add(w, child, key ? ZSTR_VAL(key) : number, key ? ZSTR_LEN(key) : strlen(number));
        }
        ZEND_HASH_FOREACH_END();
}

/* Properties that no class declares. */
static uint64_t leakwalk_count_own(const HashTable *properties) {
        uint64_t n = 0;
        zval *v;

        ZEND_HASH_FOREACH_VAL((HashTable *)properties, v) {
                n += Z_TYPE_P(v) != IS_INDIRECT;
        }
        ZEND_HASH_FOREACH_END();
        return n;
}

static void leakwalk_enter_slots(struct leakwalk *w, uint32_t at, const zend_object *o) {
        for (int i = 0; i < o->ce->default_properties_count; i++) {
                const zend_property_info *info = o->ce->properties_info_table ? o->ce->properties_info_table[i] : NULL;
                const char *name, *class;
                size_t n_name;

                if (!info || zend_unmangle_property_name_ex(info->name, &class, &name, &n_name) == FAILURE)
                        continue;
                sapi_leakwalk_add(w,
                                  (struct leakwalk_node){ .parent = at,
                                                          .how = LEAKWALK_PROPERTY,
                                                          .owner = info->ce,
                                                          .value = &o->properties_table[i] },
                                  name, n_name);
        }
        if (!o->properties)
                return;
        w->nodes[at].n += leakwalk_count_own(o->properties);
        leakwalk_add_elements(w, (struct leakwalk_node){ .parent = at, .how = LEAKWALK_PROPERTY }, o->properties);
}

/* What an extension's object holds: its part in garbage collection names it. */
static void leakwalk_enter_inner(struct leakwalk *w, uint32_t at, zend_object *o) {
        zval *values = NULL;
        HashTable *table;
        int n = 0;

        if (o->handlers->get_gc == zend_std_get_gc)
                return;
        table = o->handlers->get_gc(o, &values, &n);
        w->nodes[at].n += (uint64_t)n;
        for (int i = 0; i < n; i++) {
                char number[16];

                snprintf(number, sizeof(number), "%d", i);
                sapi_leakwalk_add(w, (struct leakwalk_node){ .parent = at, .how = LEAKWALK_INNER, .value = &values[i] },
                                  number, strlen(number));
        }
        if (table && o->ce == zend_ce_closure)
                leakwalk_add_elements(w,
                                      (struct leakwalk_node){ .parent = at,
                                                              .how = LEAKWALK_VARIABLE,
                                                              .function = &zend_get_closure_method_def(o)->op_array },
                                      table);
}

static void leakwalk_enter(struct leakwalk *w, uint32_t at) {
        const void *container = w->nodes[at].container;

        if (!sapi_leakmap_put(&w->seen, leakwalk_mix((uintptr_t)container, 0), at))
                return;
        if (w->nodes[at].type == IS_OBJECT) {
                leakwalk_enter_slots(w, at, container);
                leakwalk_enter_inner(w, at, (zend_object *)container);
        } else if (!(GC_FLAGS((const zend_array *)container) & GC_IMMUTABLE))
                leakwalk_add_elements(w, (struct leakwalk_node){ .parent = at, .how = LEAKWALK_ELEMENT }, container);
}

static struct leakwalk_class *leakwalk_find_class(struct leakwalk *w, struct leakmap *m, const zend_class_entry *ce) {
        uint64_t key = leakwalk_mix((uintptr_t)ce, 0);
        uint32_t at = sapi_leakmap_get(m, key);
        struct leakwalk_class *classes;

        if (at != UINT32_MAX)
                return &w->classes[at];
        classes = reallocarray(w->classes, w->n_classes + 1, sizeof(*classes));
        if (!classes || !sapi_leakmap_put(m, key, (uint32_t)w->n_classes))
                return NULL;
        w->classes = classes;
        classes[w->n_classes] = (struct leakwalk_class){ .ce = ce };
        return &classes[w->n_classes++];
}

static void leakwalk_count_objects(struct leakwalk *w) {
        struct leakmap m = {};

        for (uint32_t i = 1; i < EG(objects_store).top; i++) {
                const zend_object *o = EG(objects_store).object_buckets[i];
                struct leakwalk_class *c = IS_OBJ_VALID(o) ? leakwalk_find_class(w, &m, o->ce) : NULL;

                if (c)
                        c->n++;
        }
        sapi_leakmap_done(&m);
}

void sapi_leakwalk_run(struct leakwalk *w, const zval *callback) {
        leakwalk_count_objects(w);
        sapi_leakroots_add(w, callback);
        for (uint32_t i = 0; i < w->n_nodes; i++)
                if (w->nodes[i].type == IS_ARRAY || w->nodes[i].type == IS_OBJECT)
                        leakwalk_enter(w, i);
        w->cut |= w->names.failed;
}

void sapi_leakwalk_done(struct leakwalk *w) {
        free(w->nodes);
        free(w->classes);
        text_done(&w->names);
        sapi_leakmap_done(&w->index);
        sapi_leakmap_done(&w->seen);
        *w = (struct leakwalk){};
}
