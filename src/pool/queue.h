/* SPDX-License-Identifier: MIT */
#pragma once
/* How many connections wait at a listener. */

#include <stdbool.h>
#include <stdint.h>

struct queue_state {
        uint64_t waiting;
        uint64_t limit; /* its backlog, as the kernel has it */
};

/* Of a listening TCP or unix socket. False when the kernel does not tell. */
bool queue_of_listener(int fd, struct queue_state *ret);
