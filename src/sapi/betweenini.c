/* SPDX-License-Identifier: MIT */
/*
 * Settings: those that a request has changed (ini_set(), set_time_limit(), .user.ini, the web server's PHP_VALUE) go
 * back to what the boot has left. PHP keeps a list of the settings that differ from the pool's; it is short.
 *
 * What ini_set() has made of session's settings stays: frameworks say it once, in a service that is made in the first
 * request that wants a session, and lives on. Session functions' changes are the request's.
 */

#include "sapi/booted.h"

static HashTable betweenini_boot; /* name -> value, of those that the boot has changed */

static zif_handler betweenini_set, betweenini_alter;

static void betweenini_keep(zend_string *name) {
        const zend_ini_entry *e = zend_hash_find_ptr(EG(ini_directives), name);
        zval value;

        if (!e || !e->modified || !e->value)
                return;
        ZVAL_STR_COPY(&value, e->value);
        zend_hash_update(&betweenini_boot, name, &value);
}

static void betweenini_call(zif_handler set, INTERNAL_FUNCTION_PARAMETERS) {
        const zval *name = ZEND_NUM_ARGS() > 0 ? ZEND_CALL_ARG(execute_data, 1) : NULL;

        set(INTERNAL_FUNCTION_PARAM_PASSTHRU);
        if (!betweenini_boot.pDestructor || EG(exception) || Z_TYPE_P(return_value) == IS_FALSE)
                return; /* the boot has not come to its end, or nothing is set */
        if (name && Z_TYPE_P(name) == IS_STRING && zend_string_starts_with_literal(Z_STR_P(name), "session."))
                betweenini_keep(Z_STR_P(name));
}

static ZEND_NAMED_FUNCTION(betweenini_on_set) {
        betweenini_call(betweenini_set, INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

static ZEND_NAMED_FUNCTION(betweenini_on_alter) {
        betweenini_call(betweenini_alter, INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_betweenini_start(void) {
        sapi_functions_watch("ini_set", betweenini_on_set, &betweenini_set);
        sapi_functions_watch("ini_alter", betweenini_on_alter, &betweenini_alter);
}

void sapi_betweenini_remember(void) {
        zend_ini_entry *e;

        zend_hash_init(&betweenini_boot, 8, NULL, ZVAL_PTR_DTOR, false);
        if (!EG(modified_ini_directives))
                return;
        ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), e) {
                zval value;

                if (!e->value)
                        continue;
                ZVAL_STR_COPY(&value, e->value);
                zend_hash_update(&betweenini_boot, e->name, &value);
        }
        ZEND_HASH_FOREACH_END();
}

/* True: the entry is as the boot has left it. PHP_ADMIN_VALUE takes it from scripts as well. */
static bool betweenini_is_boot(const zend_ini_entry *e) {
        const zval *value = zend_hash_find(&betweenini_boot, e->name);

        return value && Z_STR_P(value) == e->value && e->modifiable == e->orig_modifiable;
}

static void betweenini_put_back(zend_string *name) {
        const zval *value = zend_hash_find(&betweenini_boot, name);

        (void)zend_restore_ini_entry(name, ZEND_INI_STAGE_DEACTIVATE);
        if (value)
                (void)zend_alter_ini_entry_ex(name, Z_STR_P(value), ZEND_INI_SYSTEM, ZEND_INI_STAGE_DEACTIVATE, true);
}

/* One that the boot has changed and the request has restored is not in PHP's list any more. */
static void betweenini_put_restored_back(void) {
        zend_string *name;
        zval *value;

        ZEND_HASH_FOREACH_STR_KEY_VAL(&betweenini_boot, name, value) {
                const zend_ini_entry *e = zend_hash_find_ptr(EG(ini_directives), name);

                if (e && !e->modified)
                        (void)zend_alter_ini_entry_ex(name, Z_STR_P(value), ZEND_INI_SYSTEM, ZEND_INI_STAGE_DEACTIVATE,
                                                      true);
        }
        ZEND_HASH_FOREACH_END();
}

void sapi_betweenini_back(void) {
        zend_ini_entry *e;
        HashTable *changed = EG(modified_ini_directives);

        if (changed && zend_hash_num_elements(changed) > 0) {
                HashTable names;
                zend_string *name;

                zend_hash_init(&names, 8, NULL, NULL, false);
                ZEND_HASH_FOREACH_PTR(changed, e) {
                        if (!betweenini_is_boot(e))
                                zend_hash_add_empty_element(&names, e->name);
                }
                ZEND_HASH_FOREACH_END();
                ZEND_HASH_FOREACH_STR_KEY(&names, name) {
                        betweenini_put_back(name);
                }
                ZEND_HASH_FOREACH_END();
                zend_hash_destroy(&names);
        }
        if (zend_hash_num_elements(&betweenini_boot) > 0)
                betweenini_put_restored_back();
}
