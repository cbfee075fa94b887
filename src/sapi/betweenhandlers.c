/* SPDX-License-Identifier: MIT */
/* set_error_handler() and set_exception_handler(): the current ones, and the stacks below them. */

#include "sapi/booted.h"

struct betweenhandlers_stack {
        zval *items;
        size_t n;
};

static struct {
        zval error, exception;
        int reporting;
        struct betweenhandlers_stack errors, exceptions;
        int *reportings;
} betweenhandlers;

static void betweenhandlers_copy_stack(const zend_stack *from, struct betweenhandlers_stack *ret) {
        const zval *items = from->elements;

        ret->n = (size_t)from->top;
        ret->items = ret->n > 0 ? safe_emalloc(ret->n, sizeof(zval), 0) : NULL;
        for (size_t i = 0; i < ret->n; i++)
                ZVAL_COPY(&ret->items[i], &items[i]);
}

void sapi_betweenhandlers_remember(void) {
        size_t n = (size_t)EG(user_error_handlers_error_reporting).top;

        ZVAL_COPY(&betweenhandlers.error, &EG(user_error_handler));
        ZVAL_COPY(&betweenhandlers.exception, &EG(user_exception_handler));
        betweenhandlers.reporting = EG(user_error_handler_error_reporting);
        betweenhandlers_copy_stack(&EG(user_error_handlers), &betweenhandlers.errors);
        betweenhandlers_copy_stack(&EG(user_exception_handlers), &betweenhandlers.exceptions);
        betweenhandlers.reportings = n > 0 ? safe_emalloc(n, sizeof(int), 0) : NULL;
        if (n > 0)
                memcpy(betweenhandlers.reportings, EG(user_error_handlers_error_reporting).elements, n * sizeof(int));
}

static bool betweenhandlers_is_same(const zval *a, const zval *b) {
        return Z_TYPE_P(a) == Z_TYPE_P(b) && (Z_TYPE_P(a) == IS_UNDEF || zend_is_identical((zval *)a, (zval *)b));
}

/* False: the stack is not as the boot has left it. */
static bool betweenhandlers_stack_is_same(const zend_stack *now, const struct betweenhandlers_stack *boot) {
        const zval *items = now->elements;

        if ((size_t)now->top != boot->n)
                return false;
        for (size_t i = 0; i < boot->n; i++)
                if (!betweenhandlers_is_same(&items[i], &boot->items[i]))
                        return false;
        return true;
}

static void betweenhandlers_put_stack_back(zend_stack *now, const struct betweenhandlers_stack *boot) {
        while (!zend_stack_is_empty(now)) {
                zval old;

                ZVAL_COPY_VALUE(&old, (zval *)zend_stack_top(now));
                zend_stack_del_top(now);
                zval_ptr_dtor(&old);
        }
        for (size_t i = 0; i < boot->n; i++) {
                zval item;

                ZVAL_COPY(&item, &boot->items[i]);
                zend_stack_push(now, &item);
        }
}

static void betweenhandlers_put_one_back(zval *now, const zval *boot) {
        zval old;

        ZVAL_COPY_VALUE(&old, now);
        ZVAL_COPY(now, boot);
        zval_ptr_dtor(&old);
}

void sapi_betweenhandlers_back(void) {
        zend_stack *reportings = &EG(user_error_handlers_error_reporting);

        if (!betweenhandlers_stack_is_same(&EG(user_error_handlers), &betweenhandlers.errors)) {
                betweenhandlers_put_stack_back(&EG(user_error_handlers), &betweenhandlers.errors);
                while (!zend_stack_is_empty(reportings))
                        zend_stack_del_top(reportings);
                for (size_t i = 0; i < betweenhandlers.errors.n; i++)
                        zend_stack_push(reportings, &betweenhandlers.reportings[i]);
        }
        if (!betweenhandlers_stack_is_same(&EG(user_exception_handlers), &betweenhandlers.exceptions))
                betweenhandlers_put_stack_back(&EG(user_exception_handlers), &betweenhandlers.exceptions);
        if (!betweenhandlers_is_same(&EG(user_error_handler), &betweenhandlers.error))
                betweenhandlers_put_one_back(&EG(user_error_handler), &betweenhandlers.error);
        if (!betweenhandlers_is_same(&EG(user_exception_handler), &betweenhandlers.exception))
                betweenhandlers_put_one_back(&EG(user_exception_handler), &betweenhandlers.exception);
        EG(user_error_handler_error_reporting) = betweenhandlers.reporting;
}
