/* SPDX-License-Identifier: MIT */
#pragma once
/* Facts about processes: others from /proc, this one from the kernel. */

#include <sys/types.h>

/* The process a pidfd is about (pidfd_open(2)), in this pid namespace. The pid; -ESRCH when it has been reaped; -EBADF when it is
 * no pidfd; other -errno. */
pid_t process_of_pidfd(int pidfd);

/* The parent of a process. The pid, or -errno. */
pid_t process_parent(pid_t pid);

/* CPUs that this process may use (sched_getaffinity(2), which knows of AllowedCPUs= and CPUAffinity=, and not of CPUQuota=); at least 1. */
unsigned process_n_cpus(void);
