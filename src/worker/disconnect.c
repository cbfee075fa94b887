/* SPDX-License-Identifier: MIT */
/*
 * While a script runs its worker waits for nothing, and to ask the kernel in between would cost a system call in each
 * request, or a signal, which would cut the script's sleep(). So a second thread looks, ten times in a second, at the
 * connection of a request that was there at its last look too: short ones it never sees, and while the worker idles it
 * waits. It runs no PHP, touches none of PHP's memory but one atomic flag, and takes no signal. A descriptor may have
 * become another one under its eyes: so what it finds is a hint, and the worker looks itself (sapi/disconnect.c).
 */

#include "worker/disconnect.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "base/macros.h"
#include "base/time.h"
#include "sapi/sapi.h"

#define DISCONNECT_PERIOD (100 * USEC_PER_MSEC)
#define DISCONNECT_STACK  65536U

static struct {
        bool on;
        uint64_t n_watched;
        _Atomic int fd;
        _Atomic uint64_t number; /* of the script that runs, from 1; 0: none does */
        _Atomic bool looks;      /* the thread comes by itself; else it waits for called */
        sem_t called;
} disconnect;

static bool disconnect_is_dead(int fd) {
        struct pollfd p = { .fd = fd };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* Between two scripts: until the next one, which may be over by then. Who comes second sees what the other has stored.
 */
static void disconnect_rest(void) {
        atomic_store(&disconnect.looks, false);
        if (atomic_load(&disconnect.number) == 0)
                (void)sem_wait(&disconnect.called);
        atomic_store(&disconnect.looks, true);
}

_noreturn_ static void *disconnect_thread(_unused_ void *ctx) {
        const struct timespec period = { .tv_nsec = DISCONNECT_PERIOD * NSEC_PER_USEC };
        uint64_t last = 0;

        for (;;) {
                uint64_t number = atomic_load(&disconnect.number);

                if (number == 0)
                        disconnect_rest();
                else if (number == last && disconnect_is_dead(atomic_load(&disconnect.fd)) &&
                         atomic_load(&disconnect.number) == number)
                        sapi_disconnect_hint();
                last = number;
                (void)nanosleep(&period, NULL);
        }
}

int disconnect_start(const struct conf_pool *pool) {
        pthread_attr_t attr;
        sigset_t all, before;
        pthread_t thread;
        int r;

        if (pool->request_on_disconnect != CONF_DISCONNECT_ABORT)
                return 0;
        if (sem_init(&disconnect.called, 0, 0) < 0)
                return -errno;
        r = pthread_attr_init(&attr);
        if (r > 0)
                return -r;
        (void)pthread_attr_setstacksize(&attr, DISCONNECT_STACK);
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, &attr, disconnect_thread, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        disconnect.on = r == 0;
        return -r;
}

void disconnect_watch(int fd) {
        if (!disconnect.on)
                return;
        atomic_store(&disconnect.fd, fd);
        atomic_store(&disconnect.number, ++disconnect.n_watched);
        if (!atomic_exchange(&disconnect.looks, true))
                (void)sem_post(&disconnect.called);
}

void disconnect_forget(void) {
        if (disconnect.on)
                atomic_store(&disconnect.number, 0);
}
