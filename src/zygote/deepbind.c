/* SPDX-License-Identifier: MIT */
/*
 * Only in builds with AddressSanitizer: PHP loads its extensions with RTLD_DEEPBIND, which the sanitizer's runtime
 * refuses, since such a library would get round its interceptors. This dlopen() stands before libc's and leaves the
 * flag out.
 */

#include <dlfcn.h>
#include <stddef.h>

#include "base/macros.h"

__attribute__((__visibility__("default"))) void *dlopen(const char *file, int mode) {
        static void *(*next)(const char *, int);

        if (!next)
                next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
        return next ? next(file, mode & ~RTLD_DEEPBIND) : NULL;
}
