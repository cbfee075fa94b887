/* SPDX-License-Identifier: MIT */
#pragma once
/* Facts about other processes, from /proc. */

#include <sys/types.h>

/* The process a pidfd is about (pidfd_open(2)), in this pid namespace. The pid; -ESRCH when it has been reaped; -EBADF when it is
 * no pidfd; other -errno. */
pid_t process_of_pidfd(int pidfd);

/* The parent of a process. The pid, or -errno. */
pid_t process_parent(pid_t pid);
