/* SPDX-License-Identifier: MIT */
/*
 * While a request runs, opcache holds a read lock on one byte of a file, so that a process that wants to start the
 * cache anew sees that it is in use: two fcntl(2) in each request. All that use the cache are workers of one zygote. So
 * this lock is a word of each worker's own in memory that they share, and those that ask for it look at the words: the
 * same lock, at the same times, without system calls.
 *
 * Opcache's calls of fcntl() are ours (import.c); all but those on this byte go on as they are. Those of the zygote,
 * and of a copy that PHP code has forked off a worker, are the kernel's: they come from processes without a word. So
 * a process that asks looks there too.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "sapi/internal.h"

#include "base/atomic.h"
#include "base/process.h"
#include "base/time.h"

/* The byte whose read lock says that the cache is in use. Opcache locks others for itself, one at a time. */
#define CACHELOCK_BYTE 1

/* A worker's own cache line. */
struct cachelock_word {
        _Alignas(64) _Atomic(pid_t) holder; /* 0: it has no lock */
        _Atomic(uint64_t) begun;            /* the worker had, by then; nanoseconds of CLOCK_BOOTTIME */
};

struct cachelock_table {
        _Alignas(64) _Atomic(uint32_t) n_used; /* words from this one on have never been written */
        struct cachelock_word words[];
};

static struct {
        struct cachelock_table *table; /* NULL: there is none, and every lock is the kernel's */
        uint32_t n_words;
        struct cachelock_word *mine; /* NULL: this process is no worker */
        pid_t pid;
        bool others; /* other bytes may be locked, with the kernel */
} cachelock;

static bool cachelock_is_byte(const struct flock *lock) {
        return lock->l_whence == SEEK_SET && lock->l_start == CACHELOCK_BYTE && lock->l_len == 1;
}

/* The whole file: what opcache gives back at a request's end. */
static bool cachelock_is_all(const struct flock *lock) {
        return lock->l_whence == SEEK_SET && lock->l_start == 0 && lock->l_len == 0;
}

static int cachelock_set(int fd, int cmd, struct flock *lock) {
        bool all = cachelock_is_all(lock), byte = cachelock_is_byte(lock);

        if (byte && lock->l_type == F_RDLCK) {
                atomic_store(&cachelock.mine->holder, cachelock.pid);
                atomic_thread_fence(memory_order_seq_cst); /* before anything of the cache is read */
                return 0;
        }
        if (lock->l_type == F_UNLCK && (byte || all)) {
                atomic_store_explicit(&cachelock.mine->holder, 0, memory_order_release);
                if (byte || !cachelock.others)
                        return 0;
        }
        cachelock.others = !all || lock->l_type != F_UNLCK;
        return fcntl(fd, cmd, lock);
}

/* Somebody else who has the lock; 0: nobody, as far as the words tell. Without a zygote that reaps nobody clears the
 * words of the dead, and another process, which opcache would kill in the end, may get the pid. */
static pid_t cachelock_find_holder(void) {
        uint32_t n = cachelock.table ? MIN(atomic_load(&cachelock.table->n_used), cachelock.n_words) : 0;

        for (uint32_t i = 0; i < n; i++) {
                struct cachelock_word *w = &cachelock.table->words[i];
                pid_t pid = atomic_load(&w->holder);

                if (pid != 0 && w != cachelock.mine && process_lives_since(pid, atomic_load(&w->begun)))
                        return pid;
        }
        return 0;
}

/* The process that keeps the caller from a write lock on the byte. */
static int cachelock_get(int fd, struct flock *lock) {
        pid_t pid = cachelock_is_byte(lock) && lock->l_type == F_WRLCK ? cachelock_find_holder() : 0;

        if (pid == 0)
                return fcntl(fd, F_GETLK, lock);
        lock->l_type = F_RDLCK;
        lock->l_pid = pid;
        return 0;
}

/* fcntl(2), for opcache. The locks it asks for are all on one file. */
static int cachelock_fcntl(int fd, int cmd, ...) {
        void *arg;
        va_list ap;

        va_start(ap, cmd);
        arg = va_arg(ap, void *);
        va_end(ap);

        if (cmd == F_GETLK)
                return cachelock_get(fd, arg);
        if ((cmd == F_SETLK || cmd == F_SETLKW) && cachelock.mine)
                return cachelock_set(fd, cmd, arg);
        return fcntl(fd, cmd, arg);
}

void sapi_cachelock_start(uint32_t n_slots) {
        struct cachelock_table *table;

        if (n_slots == 0)
                return;
        table = mmap(NULL, sizeof(*table) + n_slots * sizeof(table->words[0]), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (table == MAP_FAILED)
                return;
        cachelock.table = table;
        cachelock.n_words = n_slots;
        (void)sapi_import_replace("opcache.so", "fcntl", (void (*)(void))cachelock_fcntl);
        (void)sapi_import_replace("opcache.so", "fcntl64", (void (*)(void))cachelock_fcntl);
}

void sapi_cachelock_begin_worker(uint32_t slot) {
        if (slot >= cachelock.n_words)
                return;
        cachelock.pid = getpid();
        cachelock.mine = &cachelock.table->words[slot];
        atomic_store(&cachelock.mine->holder, 0);
        atomic_store(&cachelock.mine->begun, time_read_nsec(CLOCK_BOOTTIME));
        atomic_raise(&cachelock.table->n_used, slot + 1);
}

void sapi_cachelock_take(void) {
        if (cachelock.mine)
                atomic_store(&cachelock.mine->holder, cachelock.pid);
}

void sapi_cachelock_leave(void) {
        cachelock.mine = NULL;
}

void sapi_cachelock_free(uint32_t slot) {
        if (slot < cachelock.n_words)
                atomic_store(&cachelock.table->words[slot].holder, 0);
}
