/* SPDX-License-Identifier: MIT */
/*
 * While a request runs opcache holds a read lock on one byte of a file, so that who wants to start the cache anew sees that it is in use: two fcntl(2) in
 * each request. Between requests that follow at once the second gives back what the first of the next takes again. Here the lock is held over such a gap: a
 * worker says that another request is likely to follow, and gives the lock back, by sapi_rest(), before it does anything else but look for that one.
 *
 * Opcache's calls of fcntl() are ours (import.c); all but those on this byte go on as they are.
 *
 * Who wants the cache started anew has every process ask who holds the lock, when a request begins (F_GETLK), until nobody does. From the first such question on nothing
 * is held over, until a request begins without one: so it takes no longer than it would. Nor does a request that opcache is off for keep what it does not use.
 */

#include <fcntl.h>
#include <stdarg.h>

#include "sapi/internal.h"

/* The byte whose read lock says that the cache is in use. Opcache locks others for itself, one at a time. */
#define CACHELOCK_BYTE 1

static struct {
        int fd;      /* opcache's lock file; -1: not known yet */
        bool allows; /* another request is likely to follow */
        bool asked;  /* in this request, who holds the lock */
        bool others; /* other bytes may be locked */
        bool taken;  /* opcache has the byte */
        bool held;   /* opcache has given it back, and the kernel has not heard of that */
} cachelock = { .fd = -1 };

static bool cachelock_is_byte(const struct flock *lock) {
        return lock->l_whence == SEEK_SET && lock->l_start == CACHELOCK_BYTE && lock->l_len == 1;
}

/* The whole file: what opcache gives back at a request's end. */
static bool cachelock_is_all(const struct flock *lock) {
        return lock->l_whence == SEEK_SET && lock->l_start == 0 && lock->l_len == 0;
}

static int cachelock_take(struct flock *lock) {
        int r = cachelock.held ? 0 : fcntl(cachelock.fd, F_SETLK, lock);

        cachelock.held = false;
        cachelock.taken = r == 0;
        return r;
}

static int cachelock_give_back(struct flock *lock) {
        cachelock.held = cachelock.taken && cachelock.allows && !cachelock.asked;
        cachelock.taken = false;
        return cachelock.held ? 0 : fcntl(cachelock.fd, F_SETLK, lock);
}

static int cachelock_set(int cmd, struct flock *lock) {
        bool all = cachelock_is_all(lock), byte = cachelock_is_byte(lock);

        if (byte && lock->l_type == F_RDLCK)
                return cachelock_take(lock);
        if (lock->l_type == F_UNLCK && (byte || (all && !cachelock.others)))
                return cachelock_give_back(lock);
        if (all && lock->l_type == F_UNLCK)
                cachelock.taken = cachelock.held = cachelock.others = false;
        else
                cachelock.others = true;
        return fcntl(cachelock.fd, cmd, lock);
}

/* The first lock of a worker's first request. */
static bool cachelock_is_first(int cmd, const struct flock *lock) {
        return cachelock.fd < 0 && sapi_current.io && cmd == F_SETLK && lock->l_type == F_RDLCK &&
               cachelock_is_byte(lock);
}

/* fcntl(2), for opcache. */
static int cachelock_fcntl(int fd, int cmd, ...) {
        void *arg;
        va_list ap;

        va_start(ap, cmd);
        arg = va_arg(ap, void *);
        va_end(ap);

        if (cmd != F_SETLK && cmd != F_SETLKW && cmd != F_GETLK)
                return fcntl(fd, cmd, arg);
        if (cachelock_is_first(cmd, arg))
                cachelock.fd = fd;
        if (cachelock.fd < 0 || fd != cachelock.fd)
                return fcntl(fd, cmd, arg);
        if (cmd != F_GETLK)
                return cachelock_set(cmd, arg);
        cachelock.asked = true;
        sapi_cachelock_rest();
        return fcntl(fd, cmd, arg);
}

void sapi_cachelock_start(void) {
        (void)sapi_import_replace("opcache.so", "fcntl", (void (*)(void))cachelock_fcntl);
        (void)sapi_import_replace("opcache.so", "fcntl64", (void (*)(void))cachelock_fcntl);
}

void sapi_cachelock_begin(bool followed) {
        cachelock.allows = followed;
        cachelock.asked = false;
}

static bool cachelock_is_on(const char *name, size_t n) {
        const zend_ini_entry *e = zend_hash_str_find_ptr(EG(ini_directives), name, n);

        return e && e->value && zend_ini_parse_bool(e->value);
}

/* A session that starts before the script may have to wait for another request's. */
void sapi_cachelock_decide(void) {
        if (cachelock.held &&
            (!cachelock_is_on(ZEND_STRL("opcache.enable")) || cachelock_is_on(ZEND_STRL("session.auto_start"))))
                sapi_cachelock_rest();
}

void sapi_cachelock_rest(void) {
        struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = CACHELOCK_BYTE, .l_len = 1 };

        if (cachelock.held)
                cachelock.held = fcntl(cachelock.fd, F_SETLK, &lock) < 0;
}
