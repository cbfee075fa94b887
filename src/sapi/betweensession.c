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
