/* SPDX-License-Identifier: MIT */
/*
 * PHP looks at its seven signals, and installs the handler of its time limit, once more for each request: nine system
 * calls that nearly always find what they want. This file lets it do so only after something has been changed.
 *
 * Code that runs inside PHP sets handlers through zend_sigaction() and zend_signal(), which libphp exports and itself
 * calls like anybody else. The executable has both by these names too, and the linker prefers those of the executable:
 * so a change is noticed, and the next request puts back what php- fpm's next request would. PHP's own table of
 * handlers is renewed for each request, without the kernel, by PHP itself.
 *
 * pcntl_sigprocmask() changes what these two do not see, so that function has ours before it.
 *
 * A libphp that was linked to prefer its own functions (-Bsymbolic-functions) calls past both. It shows: each request's
 * start-up that finds PHP's signals changed sets SIGPROF's handler through zend_signal(). Where that call was not seen,
 * PHP looks for itself in every request, as in php-fpm.
 *
 * A thread-safe PHP has none of that: what one request sets would be met in the next. There this file puts back what
 * the worker began with.
 */

#include "sapi/internal.h"

#ifdef ZEND_SIGNALS

#include <dlfcn.h>
#include <signal.h>

typedef void (*sigaction_fn)(int sig, const struct sigaction *act, struct sigaction *old);

static struct {
        bool changed;     /* the kernel may have other handlers, or another mask, than PHP starts a request with */
        bool has_profile; /* it has PHP's for SIGPROF, whose target is PHP's own table */
} signals;

static void signals_act(int sig, const struct sigaction *act, struct sigaction *old) {
        static sigaction_fn real;

        if (!real)
                real = (sigaction_fn)dlsym(RTLD_NEXT, "zend_sigaction");
        assert(real); /* libphp has it, or it would be another one than we were built for */
        real(sig, act, old);
}

/* In place of libphp's. */
ZEND_API void zend_sigaction(int sig, const struct sigaction *act, struct sigaction *old) {
        signals.changed |= act != NULL;
        signals_act(sig, act, old);
}

/* In place of libphp's. */
ZEND_API void zend_signal(int sig, void (*handler)(int)) {
        if (sig == SIGPROF && signals.has_profile) {
                SIGG(handlers)[SIGPROF - 1] = (zend_signal_entry_t){ .handler = (void *)handler };
                return;
        }
        signals_act(sig, &(struct sigaction){ .sa_handler = handler }, NULL);
        signals.has_profile |= sig == SIGPROF;
        signals.changed |= sig != SIGPROF;
}

static zif_handler signals_set_mask;

static ZEND_NAMED_FUNCTION(signals_on_set_mask) {
        signals.changed = true;
        signals_set_mask(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_signals_start(void) {
        sapi_functions_watch("pcntl_sigprocmask", signals_on_set_mask, &signals_set_mask);
}

void sapi_signals_begin_worker(void) {
        (void)signal(SIGPROF, SIG_DFL);
        zend_signal_startup();
        signals.changed = true;
}

void sapi_signals_put_back(void) {
}

bool sapi_signals_begin_request(void) {
        bool changed = signals.changed || !signals.has_profile;

        SIGG(reset) = changed;
        signals.has_profile &= !changed;
        signals.changed = false;
        return changed;
}

#else

#include <signal.h>

static struct {
        struct sigaction actions[NSIG]; /* as the worker has begun with; by number */
        sigset_t mask;
        bool changed; /* a script has set something */
} signals;

static zif_handler signals_set, signals_set_mask;

static ZEND_NAMED_FUNCTION(signals_on_set) {
        signals.changed = true;
        signals_set(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

static ZEND_NAMED_FUNCTION(signals_on_set_mask) {
        signals.changed = true;
        signals_set_mask(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_signals_start(void) {
        sapi_functions_watch("pcntl_signal", signals_on_set, &signals_set);
        sapi_functions_watch("pcntl_sigprocmask", signals_on_set_mask, &signals_set_mask);
}

void sapi_signals_begin_worker(void) {
        (void)signal(SIGPROF, SIG_DFL);
        for (int sig = 1; sig < NSIG; sig++)
                (void)sigaction(sig, NULL, &signals.actions[sig]);
        (void)sigprocmask(SIG_SETMASK, NULL, &signals.mask);
        signals.changed = true;
}

void sapi_signals_put_back(void) {
        if (!signals.changed)
                return;
        for (int sig = 1; sig < NSIG; sig++)
                if (sig != SAPI_LIMIT_SIGNAL) /* the timer may go off before the next request takes it back */
                        (void)sigaction(sig, &signals.actions[sig], NULL); /* of some numbers nobody has a say */
        (void)sigprocmask(SIG_SETMASK, &signals.mask, NULL);
}

bool sapi_signals_begin_request(void) {
        bool changed = signals.changed;

        signals.changed = false;
        return changed;
}

#endif
