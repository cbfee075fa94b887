/* SPDX-License-Identifier: MIT */
/*
 * A script whose client goes while it runs is ended by PHP at its next output. One that computes for long before it
 * writes is ended at PHP's next safe point instead, where its virtual machine looks for interrupts: at jumps back and
 * calls. What wakes the machine is a hint, which may be about an earlier request, so the connection in hand is looked
 * at before anything is done. Then it is as at an output: connection_aborted(), and the end unless ignore_user_abort
 * says otherwise.
 */

#include <stdatomic.h>

#include "sapi/internal.h"

static void (*disconnect_previous)(zend_execute_data *execute_data);
static atomic_bool disconnect_hinted;
static zend_atomic_bool *disconnect_interrupt; /* of the thread that runs PHP */

static bool disconnect_ends_script(void) {
        if (!sapi_current.io || sapi_current.finished || sapi_current.ended || PG(ignore_user_abort))
                return false;
        return !(PG(connection_status) & PHP_CONNECTION_ABORTED) && sapi_current.io->is_gone(sapi_current.ctx);
}

static void disconnect_on_interrupt(zend_execute_data *execute_data) {
        if (disconnect_previous)
                disconnect_previous(execute_data);
        if (!atomic_exchange(&disconnect_hinted, false) || !disconnect_ends_script())
                return;
        sapi_current.disconnected = true;
        php_handle_aborted_connection();
}

void sapi_disconnect_begin_worker(void) {
        if (sapi_module_pool()->request_on_disconnect != CONF_DISCONNECT_ABORT)
                return;
        disconnect_interrupt = &EG(vm_interrupt);
        disconnect_previous = zend_interrupt_function;
        zend_interrupt_function = disconnect_on_interrupt;
}

void sapi_disconnect_hint(void) {
        atomic_store(&disconnect_hinted, true);
        if (disconnect_interrupt)
                zend_atomic_bool_store_ex(disconnect_interrupt, true);
}
