/* SPDX-License-Identifier: MIT */
/* An object for test-sapi-import to load: it calls functions of the C library. */

#include <unistd.h>

int imports_variable;
pid_t imports_pid(void);
pid_t imports_parent(void);

pid_t imports_pid(void) {
        return getpid();
}

pid_t imports_parent(void) {
        return getppid();
}
