/* SPDX-License-Identifier: MIT */
/*
 * Sessions of a booted script. PHP's own functions for a request's begin and end do most, see betweenmodules.c; here is
 * what they leave: the boot's handlers, which the end of the boot would drop, and what else is visible of a session
 * when it is over.
 */

#include "sapi/booted.h"

/* An array up to PHP 8.3, then a structure of as many. */
#define BETWEENSESSION_HANDLERS (sizeof(((php_ps_globals *)NULL)->mod_user_names) / sizeof(zval))

static struct {
        zval handlers[BETWEENSESSION_HANDLERS]; /* session_set_save_handler() of the boot; UNDEF: none */
        zend_string *class;                     /* of its object */
} betweensession;

static zval *betweensession_handler(size_t i) {
        return (zval *)&PS(mod_user_names) + i;
}

zend_result sapi_betweensession_start_request(void) {
        zend_result result;
        bool auto_start;

        if (!SAPI_COMPAT_HAS_SESSION())
                return php_request_startup();
        auto_start = PS(auto_start);
        PS(auto_start) = false;
        result = php_request_startup();
        PS(auto_start) = auto_start;
        return result;
}

void sapi_betweensession_remember(void) {
        if (!SAPI_COMPAT_HAS_SESSION())
                return;
        for (size_t i = 0; i < BETWEENSESSION_HANDLERS; i++)
                ZVAL_COPY(&betweensession.handlers[i], betweensession_handler(i));
        if (PS(mod_user_class_name))
                betweensession.class = zend_string_copy(PS(mod_user_class_name));
}

void sapi_betweensession_begin(void) {
        if (!SAPI_COMPAT_HAS_SESSION())
                return;
        for (size_t i = 0; i < BETWEENSESSION_HANDLERS; i++)
                ZVAL_COPY(betweensession_handler(i), &betweensession.handlers[i]);
        if (betweensession.class)
                PS(mod_user_class_name) = zend_string_copy(betweensession.class);
}

static void betweensession_gather(HashTable *found, zval *v);

static void betweensession_gather_table(HashTable *found, HashTable *table) {
        zval *v;

        ZEND_HASH_FOREACH_VAL(table, v) {
                betweensession_gather(found, v);
        }
        ZEND_HASH_FOREACH_END();
}

static void betweensession_gather_object(HashTable *found, zend_object *o) {
        HashTable *properties = NULL;
        zval *table, copy;
        int n = 0;

        if (o->ce->destructor) {
                ZVAL_OBJ_COPY(&copy, o);
                zend_hash_next_index_insert(found, &copy);
        }
        if (o->handlers->get_gc == zend_std_get_gc)
                properties = zend_std_get_gc(o, &table, &n);
        for (int i = 0; i < n; i++)
                betweensession_gather(found, &table[i]);
        if (properties)
                betweensession_gather_table(found, properties);
}

/* What is held from here alone ends with what holds it. So no two ways lead to one thing, and none in a circle. */
static void betweensession_gather(HashTable *found, zval *v) {
        if (Z_TYPE_P(v) == IS_INDIRECT)
                v = Z_INDIRECT_P(v);
        if (!Z_REFCOUNTED_P(v) || Z_REFCOUNT_P(v) > 1)
                return;
        if (Z_ISREF_P(v))
                betweensession_gather(found, Z_REFVAL_P(v));
        else if (Z_TYPE_P(v) == IS_ARRAY)
                betweensession_gather_table(found, Z_ARRVAL_P(v));
        else if (Z_TYPE_P(v) == IS_OBJECT)
                betweensession_gather_object(found, Z_OBJ_P(v));
}

/* The variable is the extension's as well. */
static zval *betweensession_variable(void) {
        zval *v = zend_hash_str_find_ind(&EG(symbol_table), "_SESSION", sizeof("_SESSION") - 1);

        if (v && Z_ISREF_P(v) && Z_ISREF(PS(http_session_vars)) && Z_REF_P(v) == Z_REF(PS(http_session_vars)) &&
            Z_REFCOUNT_P(v) == 2)
                return Z_REFVAL_P(v);
        return v;
}

/* In the order of what is found, which is that of their making where they were read with the session: an object's
 * number does not tell, since numbers are used again here. */
void sapi_betweensession_call_destructors(void) {
        zval *variable = SAPI_COMPAT_HAS_SESSION() ? betweensession_variable() : NULL, *v;
        HashTable found;

        if (!variable)
                return;
        zend_hash_init(&found, 8, NULL, ZVAL_PTR_DTOR, false);
        betweensession_gather(&found, variable);
        ZEND_HASH_FOREACH_VAL(&found, v) {
                zend_object *o = Z_OBJ_P(v);

                if (EG(exception) || OBJ_FLAGS(o) & IS_OBJ_DESTRUCTOR_CALLED)
                        continue;
                GC_ADD_FLAGS(o, IS_OBJ_DESTRUCTOR_CALLED);
                o->handlers->dtor_obj(o);
        }
        ZEND_HASH_FOREACH_END();
        zend_hash_destroy(&found);
}

/* Code that is compiled may point to the constant, so it stays where there was one. */
static void betweensession_forget_id(void) {
        zval *sid = zend_get_constant_str("SID", sizeof("SID") - 1);

        if (!sid || Z_TYPE_P(sid) != IS_STRING)
                return;
        zval_ptr_dtor_str(sid);
        ZVAL_EMPTY_STRING(sid);
}

void sapi_betweensession_end(void) {
        if (!SAPI_COMPAT_HAS_SESSION())
                return;
        betweensession_forget_id();
        zend_hash_str_del(&EG(symbol_table), "_SESSION", sizeof("_SESSION") - 1);
}
