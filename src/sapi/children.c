/* SPDX-License-Identifier: MIT */
/*
 * Processes that a script has started and not waited for. While a script runs, waiting is its own business. Between two
 * requests those that have ended are reaped, and those that end then leave no zombie: SIGCHLD is ignored for that time.
 *
 * A worker without children makes no system call for it. A fork is noticed: fork(3) calls what pthread_atfork(3) was
 * given, and proc_open() may use posix_spawn(3), which does not. popen(3) is PHP's to end, and PHP waits for it.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "sapi/internal.h"

static bool children_likely; /* there may be some */
static bool children_ignored;

static zif_handler children_open;

static void children_on_fork(void) {
        children_likely = true;
}

static ZEND_NAMED_FUNCTION(children_on_open) {
        children_likely = true;
        children_open(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_children_start(void) {
        sapi_functions_watch("proc_open", children_on_open, &children_open);
}

void sapi_children_begin_worker(void) {
        (void)pthread_atfork(NULL, children_on_fork, NULL);
}

void sapi_children_begin_request(void) {
        if (children_ignored)
                (void)signal(SIGCHLD, SIG_DFL);
        children_ignored = false;
}

/* Ignoring comes first: none may end unseen in between. */
void sapi_children_end_request(void) {
        pid_t r;

        if (!children_likely)
                return;
        children_ignored = signal(SIGCHLD, SIG_IGN) != SIG_ERR;
        do
                r = waitpid(-1, NULL, WNOHANG);
        while (r > 0);
        children_likely = r == 0;
}
