/* SPDX-License-Identifier: MIT */
/*
 * Where values that outlive a request hang: static properties, static variables of functions and methods, global
 * variables, the variables of what runs now (the script, and functions that it has called up to its loop), and the
 * callback with what it has bound. Constants cannot leak, and superglobals are put back.
 */

#include "sapi/leaks.h"

/* Adds a root with a printed name. */
static void leakroots_printf(struct leakwalk *w, struct leakwalk_node n, const char *fmt, ...) _printf_(3, 4);
static void leakroots_printf(struct leakwalk *w, struct leakwalk_node n, const char *fmt, ...) {
        _cleanup_text_ struct text name = {};
        va_list ap;

        va_start(ap, fmt);
        text_vprintf(&name, fmt, ap);
        va_end(ap);
        n.parent = UINT32_MAX;
        n.how = LEAKWALK_ROOT;
        if (!name.failed)
                sapi_leakwalk_add(w, n, text_peek(&name), name.n);
}

static void leakroots_function_name(const zend_op_array *f, struct text *t) {
        if (f->scope)
                text_printf(t, "%s::", ZSTR_VAL(f->scope->name));
        text_printf(t, "%s", f->function_name ? ZSTR_VAL(f->function_name) : ZSTR_VAL(f->filename));
        if (f->function_name)
                text_append(t, "()");
}

/* What the code has changed, or will begin with. */
static void leakroots_static_variables(struct leakwalk *w, const zend_op_array *f) {
        HashTable *live = f->static_variables ? ZEND_MAP_PTR_GET(f->static_variables_ptr) : NULL;
        _cleanup_text_ struct text name = {};
        zend_string *key;
        zval *v;

        if (!f->static_variables)
                return;
        leakroots_function_name(f, &name);
        ZEND_HASH_FOREACH_STR_KEY_VAL(live ?: f->static_variables, key, v) {
                leakroots_printf(w,
                                 (struct leakwalk_node){ .function = f,
                                                         .value = v,
                                                         .initial = zend_hash_find(f->static_variables, key) },
                                 "%s's static $%s", text_peek(&name), ZSTR_VAL(key));
        }
        ZEND_HASH_FOREACH_END();
}

static void leakroots_static_properties(struct leakwalk *w, const zend_class_entry *ce) {
        const zval *live = CE_STATIC_MEMBERS(ce) ?: ce->default_static_members_table;
        const zend_property_info *info;
        zend_string *name;

        if (!live)
                return;
        ZEND_HASH_FOREACH_STR_KEY_PTR((HashTable *)&ce->properties_info, name, info) {
                if (!(info->flags & ZEND_ACC_STATIC) || info->ce != ce)
                        continue;
                leakroots_printf(w,
                                 (struct leakwalk_node){ .owner = ce,
                                                         .value = &live[info->offset],
                                                         .initial = &ce->default_static_members_table[info->offset] },
                                 "%s::$%s", ZSTR_VAL(ce->name), ZSTR_VAL(name));
        }
        ZEND_HASH_FOREACH_END();
}

static void leakroots_classes(struct leakwalk *w) {
        const zend_class_entry *ce;
        const zend_function *f;
        zend_string *key;

        ZEND_HASH_FOREACH_STR_KEY_PTR(EG(class_table), key, ce) {
                if (ce->type != ZEND_USER_CLASS || (key && ZSTR_VAL(key)[0] == '\0'))
                        continue; /* PHP's own, or a class whose declaration has not run */
                leakroots_static_properties(w, ce);
                ZEND_HASH_FOREACH_PTR((HashTable *)&ce->function_table, f) {
                        if (f->type == ZEND_USER_FUNCTION && f->common.scope == ce)
                                leakroots_static_variables(w, &f->op_array);
                }
                ZEND_HASH_FOREACH_END();
        }
        ZEND_HASH_FOREACH_END();
}

static void leakroots_functions(struct leakwalk *w) {
        const zend_function *f;

        ZEND_HASH_FOREACH_PTR(EG(function_table), f) {
                if (f->type == ZEND_USER_FUNCTION)
                        leakroots_static_variables(w, &f->op_array);
        }
        ZEND_HASH_FOREACH_END();
}

static void leakroots_globals(struct leakwalk *w) {
        zend_string *name;
        zval *v;

        ZEND_HASH_FOREACH_STR_KEY_VAL(&EG(symbol_table), name, v) {
                if (name && !zend_hash_exists(CG(auto_globals), name))
                        leakroots_printf(w, (struct leakwalk_node){ .value = v }, "global $%s", ZSTR_VAL(name));
        }
        ZEND_HASH_FOREACH_END();
}

static void leakroots_frame(struct leakwalk *w, zend_execute_data *ex) {
        const zend_op_array *f = &ex->func->op_array;
        _cleanup_text_ struct text name = {};

        leakroots_function_name(f, &name);
        if (Z_TYPE(ex->This) == IS_OBJECT)
                leakroots_printf(w, (struct leakwalk_node){ .function = f, .value = &ex->This }, "%s's $this",
                                 text_peek(&name));
        for (int i = 0; i < f->last_var; i++)
                leakroots_printf(w, (struct leakwalk_node){ .function = f, .value = ZEND_CALL_VAR_NUM(ex, i) },
                                 "%s's $%s", text_peek(&name), ZSTR_VAL(f->vars[i]));
}

/* The variables of the script itself are globals. */
static void leakroots_frames(struct leakwalk *w) {
        for (zend_execute_data *ex = EG(current_execute_data); ex; ex = ex->prev_execute_data)
                if (ex->func && ZEND_USER_CODE(ex->func->type) && !(ZEND_CALL_INFO(ex) & ZEND_CALL_HAS_SYMBOL_TABLE))
                        leakroots_frame(w, ex);
}

void sapi_leakroots_add(struct leakwalk *w, const zval *callback) {
        leakroots_classes(w);
        leakroots_functions(w);
        leakroots_globals(w);
        leakroots_frames(w);
        leakroots_printf(w, (struct leakwalk_node){ .value = callback }, "the callback");
}
