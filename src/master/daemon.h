/* SPDX-License-Identifier: MIT */
#pragma once
/* Running in the background: the caller gets its prompt back when the service is up, or has failed. */

/* Forks. Returns in the child alone, leader of a session of its own, with stdin and stdout at /dev/null; the parent
 * waits for daemon_up() and ends with 0, or with 70 when the child ends before. *ret_fd: for daemon_up(),
 * close-on-exec. 0 or -errno. */
int daemon_begin(int *ret_fd);

/* Puts stderr to fd, or to /dev/null when it is -1, so that nothing holds the caller's. 0 or -errno. */
int daemon_leave_stderr(int fd);

/* The service is up: the parent ends. Returns -1, the descriptor that is left. */
int daemon_up(int fd);
