/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The few macros of the house: scope-bound resources and their transfer, array sizes, alignment. Every resource
 * has a cleanup function that accepts the empty value (NULL, -1), so an early return never leaks.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _cleanup_(f)   __attribute__((__cleanup__(f)))
#define _printf_(a, b) __attribute__((__format__(printf, a, b)))
#define _pure_         __attribute__((__pure__))
#define _unused_       __attribute__((__unused__))
#define _noreturn_     __attribute__((__noreturn__))
#define _fallthrough_  __attribute__((__fallthrough__))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                                                                                                      \
        ({                                                                                                             \
                __typeof__(a) _a = (a);                                                                                \
                __typeof__(b) _b = (b);                                                                                \
                _a < _b ? _a : _b;                                                                                     \
        })
#define MAX(a, b)                                                                                                      \
        ({                                                                                                             \
                __typeof__(a) _a = (a);                                                                                \
                __typeof__(b) _b = (b);                                                                                \
                _a > _b ? _a : _b;                                                                                     \
        })

/* Takes a resource out of its variable, so that the variable's cleanup finds the empty value. */
#define TAKE_PTR(p)                                                                                                    \
        ({                                                                                                             \
                __typeof__(p) *_pp = &(p);                                                                             \
                __typeof__(p) _p = *_pp;                                                                               \
                *_pp = NULL;                                                                                           \
                _p;                                                                                                    \
        })
#define TAKE_FD(fd)                                                                                                    \
        ({                                                                                                             \
                int *_pfd = &(fd);                                                                                     \
                int _fd = *_pfd;                                                                                       \
                *_pfd = -1;                                                                                            \
                _fd;                                                                                                   \
        })

/* Defines NAMEp(), the cleanup function for a variable of the pointer type. */
#define DEFINE_CLEANUP(type, name)                                                                                     \
        static inline void name##p(type *p) {                                                                          \
                name(*p);                                                                                              \
        }

static inline void freep(void *p) {
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)
