/* SPDX-License-Identifier: MIT */
/*
 * max_execution_time and max_input_time, which PHP keeps by setting a timer of CPU time three times in each request.
 * Here one timer serves all requests of a worker, and is nearly never set: it runs on the process's CPU clock, and when
 * it expires, its handler asks whether the request in hand has had its time. If not, it is set for the moment when that
 * one's would be over. A request only notes where the clock stood when it began.
 *
 * PHP is told that there is no limit (EG(timeout_seconds) is 0, PG(max_input_time) -1: no timer of its own) until the
 * time is over. Then it gets its limit back and the signal that its own timer would have sent, so the error, the
 * shutdown functions and hard_timeout after it are PHP's. A thread-safe PHP has another timer or none, by its release,
 * and no hard_timeout: there it is told what that timer's handler would say.
 *
 * As soon as the limit is not the pool's, PHP does everything itself, as ever: when the request's settings have one,
 * and from the moment on at which the script sets one; that is seen by the ini entry, which PHP marks, or by
 * EG(timeout_seconds), which it sets.
 *
 *     begin (settings not read yet) -> decide (they are) -> input phase -> execute -> script's phase -> end
 */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/time.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NSEC_PER_SEC 1000000000ULL

static struct {
        timer_t timer, boot_timer;
        bool has_timer, has_signal;
        const zend_ini_entry *execution, *input;    /* max_execution_time, max_input_time */
        zend_long execution_seconds, input_seconds; /* what the pool has for them */
        uint64_t begun;                             /* CPU clock, nsec: the request's begin */
        bool ours;                                  /* the request has the pool's limits */

        /* The handler reads these, and may come at any time. */
        volatile bool boots;         /* there is a timer of the boot, */
        volatile uint64_t boot_over; /* which expires then: CLOCK_MONOTONIC, nsec */
        volatile zend_long boot_seconds;
        volatile bool on;
        volatile zend_long seconds;
        volatile uint64_t deadline; /* CPU clock, nsec */
        volatile uint64_t armed;    /* CPU clock, nsec: when the timer expires; 0: it does not */
} limit;

static void limit_arm(uint64_t deadline) {
        struct itimerspec when = { .it_value = { .tv_sec = (time_t)(deadline / NSEC_PER_SEC),
                                                 .tv_nsec = (long)(deadline % NSEC_PER_SEC) } };

        limit.armed = timer_settime(limit.timer, TIMER_ABSTIME, &when, NULL) == 0 ? deadline : 0;
}

static bool limit_rules(void) {
        return limit.on && EG(timeout_seconds) == 0 && !limit.execution->modified;
}

#ifdef ZTS
static void limit_tell_php(void) {
        if (zend_on_timeout)
                zend_on_timeout((int)EG(timeout_seconds));
        zend_atomic_bool_store_ex(&EG(timed_out), true);
        zend_atomic_bool_store_ex(&EG(vm_interrupt), true);
}
#else
static void limit_tell_php(void) {
        raise(SIGPROF);
}
#endif

/* Of the CPU's time. */
static void limit_on_timer(void) {
        limit.armed = 0;
        if (!limit_rules())
                return;
        if (time_read_nsec(CLOCK_PROCESS_CPUTIME_ID) < limit.deadline) {
                limit_arm(limit.deadline);
                return;
        }
        limit.on = false;
        EG(timeout_seconds) = limit.seconds;
        limit_tell_php();
}

/* Async-signal-safe: PHP's handler is too. */
static void limit_on_signal(_unused_ int sig) {
        int saved = errno;

        if (limit.boots && time_read_nsec(CLOCK_MONOTONIC) >= limit.boot_over) {
                EG(timeout_seconds) = limit.boot_seconds;
                limit_tell_php();
        } else
                limit_on_timer();
        errno = saved;
}

/* From now on this many seconds of CPU time count, since the request's begin. 0: any number. */
static void limit_set(zend_long seconds) {
        limit.on = false;
        atomic_signal_fence(memory_order_seq_cst);
        if (seconds <= 0 || seconds > 999999999) /* PHP takes what setitimer(2) would not for no limit */
                return;
        limit.seconds = seconds;
        limit.deadline = limit.begun + (uint64_t)seconds * NSEC_PER_SEC;
        atomic_signal_fence(memory_order_seq_cst);
        limit.on = true;
        if (limit.armed == 0 || limit.armed > limit.deadline)
                limit_arm(limit.deadline);
}

static const zend_ini_entry *limit_find_entry(const char *name) {
        return zend_hash_str_find_ptr(EG(ini_directives), name, strlen(name));
}

static bool limit_take_signal(void) {
        struct sigaction sa = { .sa_handler = limit_on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SAPI_LIMIT_SIGNAL);
        sigfillset(&sa.sa_mask);
        sigdelset(&sa.sa_mask, SIGPROF);
        return sigaction(SAPI_LIMIT_SIGNAL, &sa, NULL) == 0 && sigprocmask(SIG_UNBLOCK, &set, NULL) == 0;
}

/* A fork has none of its parent's timers. */
void sapi_limit_make_timer(void) {
        struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SAPI_LIMIT_SIGNAL };

        event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
        limit.armed = 0;
        limit.has_timer =
                limit.execution && limit.input && timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &limit.timer) == 0;
}

void sapi_limit_begin_worker(void) {
        limit.execution = limit_find_entry("max_execution_time");
        limit.input = limit_find_entry("max_input_time");
        limit.execution_seconds = EG(timeout_seconds);
        limit.input_seconds = PG(max_input_time);
        sapi_limit_make_timer();
}

void sapi_limit_begin(uint64_t cpu_nsec, bool signals_changed) {
        limit.has_signal = (limit.has_signal && !signals_changed) || limit_take_signal();
        limit.begun = cpu_nsec;
        EG(timeout_seconds) = 0;
        if (limit.execution && limit.execution->modified) /* by a boot */
                EG(timeout_seconds) = ZEND_STRTOL(ZSTR_VAL(limit.execution->value), NULL, 0);
        if (!limit.input || !limit.input->modified)
                PG(max_input_time) = limit.input_seconds;
}

/* PHP is told in its own way, so its message says where the script is. */
void sapi_limit_begin_boot(uint64_t usec) {
        struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SAPI_LIMIT_SIGNAL };
        uint64_t over = time_read_nsec(CLOCK_MONOTONIC) + usec * NSEC_PER_USEC;
        struct itimerspec when = { .it_value = { .tv_sec = (time_t)(over / NSEC_PER_SEC),
                                                 .tv_nsec = (long)(over % NSEC_PER_SEC) } };

        EG(timeout_seconds) = 0;
        PG(max_input_time) = -1;
        event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
        limit.boot_over = over;
        limit.boot_seconds = (zend_long)(usec / USEC_PER_SEC);
        limit.boots = limit_take_signal() && timer_create(CLOCK_MONOTONIC, &event, &limit.boot_timer) == 0;
        if (limit.boots)
                (void)timer_settime(limit.boot_timer, TIMER_ABSTIME, &when, NULL);
}

void sapi_limit_end_boot(void) {
        if (limit.boots)
                (void)timer_delete(limit.boot_timer);
        limit.boots = false;
}

void sapi_limit_decide(void) {
        limit.ours = limit.has_timer && limit.has_signal && !limit.execution->modified && !limit.input->modified;
        if (limit.ours) {
                PG(max_input_time) = -1;
                limit_set(limit.input_seconds != -1 ? limit.input_seconds : limit.execution_seconds);
        } else if (!limit.execution->modified)
                EG(timeout_seconds) = limit.execution_seconds;
}

/* Input has a time of its own, or shares the script's. What a body took, the script need not answer for. */
void sapi_limit_execute(void) {
        if (!limit.ours || limit.input_seconds == -1)
                return;
        if (EG(timeout_seconds) != 0) { /* the input's time was over, and PHP has its timer */
                zend_set_timeout(limit.execution_seconds, false);
                return;
        }
        if (SG(read_post_bytes) > 0)
                limit.begun = time_read_nsec(CLOCK_PROCESS_CPUTIME_ID);
        limit_set(limit.execution_seconds);
}

void sapi_limit_end(void) {
        limit.on = false;
}
