/* SPDX-License-Identifier: MIT */
#pragma once
/* Where PHP code is, read from outside: from the memory of another process that runs the same libphp, or of a test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

/* Reads exactly n bytes at an address of the process in question; false when that cannot be done. */
struct sapi_backtrace_reader {
        bool (*read)(void *ctx, uintptr_t address, void *buf, size_t n);
        void *ctx;
};

/* Appends one line for each call, innermost first, at most depth of them, as php-fpm's slow log has them (a method has
 * its class in front):
 *
 *     [0x00007f7308414300] sleep() /srv/www/inc.php:2
 *
 * current: the address of the pointer to the innermost frame. What changes while it is read, or makes no sense, ends
 * the list early. Nothing read is trusted: any bytes at all give some text of bounded length, after a bounded number of
 * reads. */
void sapi_backtrace_walk(const struct sapi_backtrace_reader *reader, uintptr_t current, unsigned depth,
                         struct text *out);

/* Where that pointer is in every process forked from this one. */
uintptr_t sapi_backtrace_current(void);

/* The backtrace of a child of this process, which goes on undisturbed. memory: its /proc/PID/mem; -1: there is none,
 * and the child must be dumpable. 0, -EPERM (not dumpable, or the system forbids it), -ESRCH, other -errno. "" when it
 * runs no PHP code now. */
int sapi_backtrace_child(pid_t pid, int memory, unsigned depth, struct text *out);
