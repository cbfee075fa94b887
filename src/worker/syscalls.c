/* SPDX-License-Identifier: MIT */
/*
 * A list of what is denied, not of what is allowed: PHP's extensions may do anything, and an unknown call that fails is
 * an outage. What a whole service never needs is its unit's SystemCallFilter=; this is a pool's.
 *
 * The numbers in the list are those of one ABI. A process can make calls by others, too: of 32 bits, or on x86-64 those
 * of x32, which have a bit more. So all that is not of this ABI is denied.
 *
 * Written out as a program for the kernel, seccomp(2), of which two instructions for each call are all that is needed.
 */

#include "worker/syscalls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/macros.h"
#include "log/log.h"

#if defined(__x86_64__) && defined(__LP64__)
#define SYSCALLS_ARCH AUDIT_ARCH_X86_64
#define SYSCALLS_END  0x40000000U /* x32's begin here */
#elif defined(__aarch64__)
#define SYSCALLS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SYSCALLS_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define SYSCALLS_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define SYSCALLS_ARCH AUDIT_ARCH_S390X
#else
#define SYSCALLS_ARCH 0U
#endif
#ifndef SYSCALLS_END
#define SYSCALLS_END UINT32_MAX
#endif

/* Other programs. */
static const uint32_t syscalls_exec[] = { SYS_execve, SYS_execveat };

/* Other processes' memory and descriptors; mounts and namespaces; what has been the kernel's weak side; the machine. */
static const uint32_t syscalls_strict[] = {
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_kcmp,
#ifdef SYS_pidfd_getfd
        SYS_pidfd_getfd,
#endif
#ifdef SYS_process_madvise
        SYS_process_madvise,
#endif
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_chroot,
        SYS_unshare,
        SYS_setns,
        SYS_name_to_handle_at,
        SYS_open_by_handle_at,
#ifdef SYS_mount_setattr
        SYS_mount_setattr,
#endif
#ifdef SYS_fsopen
        SYS_open_tree,
        SYS_move_mount,
        SYS_fsopen,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fspick,
#endif
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
#ifdef SYS_io_uring_setup
        SYS_io_uring_setup,
        SYS_io_uring_enter,
        SYS_io_uring_register,
#endif
        SYS_add_key,
        SYS_request_key,
        SYS_keyctl,
        SYS_fanotify_init,
#ifdef SYS_modify_ldt
        SYS_modify_ldt,
#endif
        SYS_personality,
        SYS_kexec_load,
#ifdef SYS_kexec_file_load
        SYS_kexec_file_load,
#endif
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_reboot,
        SYS_swapon,
        SYS_swapoff,
        SYS_acct,
        SYS_quotactl,
        SYS_syslog,
        SYS_vhangup,
#ifdef SYS_iopl
        SYS_iopl,
        SYS_ioperm,
#endif
        SYS_settimeofday,
        SYS_clock_settime,
        SYS_clock_adjtime,
        SYS_adjtimex,
        SYS_sethostname,
        SYS_setdomainname,
};

/* Which clone(2) must not have: those calls make what unshare(2) does. */
#define SYSCALLS_NAMESPACES                                                                                            \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define SYSCALLS_PROGRAM_MAX 256U

struct syscalls_program {
        struct sock_filter lines[SYSCALLS_PROGRAM_MAX];
        unsigned short n;
};

static void syscalls_add(struct syscalls_program *p, struct sock_filter line) {
        p->lines[p->n++] = line;
}

static void syscalls_load(struct syscalls_program *p, size_t offset) {
        syscalls_add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void syscalls_return(struct syscalls_program *p, uint32_t what) {
        syscalls_add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* That error, where what is loaded compares so. */
static void syscalls_deny(struct syscalls_program *p, uint16_t comparison, uint32_t value, uint32_t error) {
        syscalls_add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, 0, 1));
        syscalls_return(p, SECCOMP_RET_ERRNO | error);
}

static void syscalls_deny_calls(struct syscalls_program *p, const uint32_t *calls, size_t n) {
        for (size_t i = 0; i < n; i++)
                syscalls_deny(p, BPF_JEQ, calls[i], EPERM);
}

/* clone3(2) has its flags in memory, which the kernel does not look at here: who is told that there is none makes
 * clone(2)'s instead. */
static void syscalls_deny_namespaces(struct syscalls_program *p) {
#ifdef SYS_clone3
        syscalls_deny(p, BPF_JEQ, SYS_clone3, ENOSYS);
#endif
        syscalls_add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
#ifdef __s390x__
        syscalls_load(p, offsetof(struct seccomp_data, args[1]) + 4); /* its second argument, and the low half last */
#else
        syscalls_load(p, offsetof(struct seccomp_data, args[0]));
#endif
        syscalls_deny(p, BPF_JSET, SYSCALLS_NAMESPACES, EPERM);
}

/* What is to be denied. */
struct syscalls_plan {
        enum conf_seccomp preset;
        bool truncate; /* of a file that is not open; of one that is, ftruncate(2), goes on */
};

static void syscalls_write(struct syscalls_program *p, const struct syscalls_plan *plan) {
        syscalls_load(p, offsetof(struct seccomp_data, arch));
        syscalls_add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYSCALLS_ARCH, 1, 0));
        syscalls_return(p, SECCOMP_RET_ERRNO | EPERM);
        syscalls_load(p, offsetof(struct seccomp_data, nr));
        syscalls_deny(p, BPF_JGE, SYSCALLS_END, EPERM);
        if (plan->truncate)
                syscalls_deny(p, BPF_JEQ, SYS_truncate, EPERM);
        if (plan->preset != CONF_SECCOMP_NO)
                syscalls_deny_calls(p, syscalls_exec, ELEMENTSOF(syscalls_exec));
        if (plan->preset == CONF_SECCOMP_STRICT) {
                syscalls_deny_calls(p, syscalls_strict, ELEMENTSOF(syscalls_strict));
                syscalls_deny_namespaces(p); /* last: it loads something else */
        }
        syscalls_return(p, SECCOMP_RET_ALLOW);
}

_Static_assert(2 * (ELEMENTSOF(syscalls_strict) + ELEMENTSOF(syscalls_exec)) + 16 < SYSCALLS_PROGRAM_MAX,
               "all calls fit into a program");

int syscalls_restrict(const struct conf_pool *pool, int landlock_abi) {
        const struct syscalls_plan plan = { .preset = pool->seccomp,
                                            .truncate = pool->landlock != CONF_LANDLOCK_NO &&
                                                        landlock_abi < LANDLOCK_ABI_TRUNCATE };
        struct syscalls_program program = {};
        struct sock_fprog given = { .filter = program.lines };
        int r = 0;

        if (plan.preset == CONF_SECCOMP_NO && !plan.truncate)
                return 0;
        syscalls_write(&program, &plan);
        given.len = program.n;
        if (SYSCALLS_ARCH == 0)
                r = -ENOSYS;
        else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                 syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &given) != 0)
                r = -errno;
        if (r < 0)
                log_error("directive '%s': this machine cannot do it: %s",
                          plan.preset == CONF_SECCOMP_NO ? "security.landlock" : "security.seccomp", strerror(-r));
        return r;
}
