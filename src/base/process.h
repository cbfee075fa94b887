/* SPDX-License-Identifier: MIT */
#pragma once
/* Facts about processes: others from /proc, this one from the kernel. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The process a pidfd is about (pidfd_open(2)), in this pid namespace. The pid; -ESRCH when it has been reaped; -EBADF
 * when it is no pidfd; other -errno. */
pid_t process_of_pidfd(int pidfd);

/* The inode of a descriptor's file in the kernel's own numbering, which is not stat(2)'s for every file system. 0 or
 * -errno (-EBADF: this kernel does not tell). */
int process_inode_of_fd(int fd, uint64_t *ret);

/* Nobody has that process any more, zombie or not. Also for a process of another user. */
bool process_is_reaped(int pidfd);

/* Waits for a child that may have ended, and does not wait for one that has not. 0, and *ret_status as of waitpid(2);
 * PROCESS_E_ALIVE; PROCESS_E_GONE: it is no child of this process, or somebody else has waited for it; -errno. */
enum { PROCESS_E_ALIVE = 1, PROCESS_E_GONE = 2 };
int process_reap(int pidfd, int *ret_status);

/* The parent of a process. The pid, or -errno. */
pid_t process_parent(pid_t pid);

/* Whether the process that had this pid then (nanoseconds of CLOCK_BOOTTIME) still lives: no zombie, and no later one
 * with the same pid. Where /proc does not tell, any process with that pid will do. */
bool process_lives_since(pid_t pid, uint64_t then);

/* CPUs that this process may use (sched_getaffinity(2), which knows of AllowedCPUs= and CPUAffinity=, and not of
 * CPUQuota=); at least 1. */
unsigned process_n_cpus(void);

/* Raises this process's soft limit of descriptors to what is wanted, as far as the hard one goes, and never lowers it.
 * The limit after that; *ret_before, unless NULL: both limits before. */
rlim_t process_raise_files(rlim_t wanted, struct rlimit *ret_before);

/* A wait status in php-fpm's words: "exited with code 1", "exited on signal 11 (SIGSEGV - core dumped)". Returns buf.
 */
#define PROCESS_EXIT_MAX 96
const char *process_describe_exit(int status, char buf[static PROCESS_EXIT_MAX]);
