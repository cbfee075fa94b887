/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Word that memory is short, from the service manager: systemd's memory pressure protocol (systemd 254 and later,
 * systemd.io/MEMORY_PRESSURE). $MEMORY_PRESSURE_WATCH names what to watch: a file of the kernel's (PSI), a FIFO or a
 * unix socket; $MEMORY_PRESSURE_WRITE has what is written there first, in base64.
 */

#include <stdint.h>

/* Opens it. *ret: a descriptor that does not block (close-on-exec, the caller's); *ret_events: what epoll is to wait
 * for. 0; PRESSURE_E_OFF: it is to be ignored; or -errno. */
enum { PRESSURE_E_OFF = 1 };
int pressure_open(const char *watch, const char *write, int *ret, uint32_t *ret_events);

/* Takes what has come, which says nothing. 0, or PRESSURE_E_OFF: nothing will ever come. */
int pressure_take(int fd, uint32_t revents);
