/* SPDX-License-Identifier: MIT */
/*
 * What tracing needs from the machine, looked at before libbpf runs into it: an operator gets one sentence with the
 * remedy instead of an errno from the middle of a load.
 */

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"

#define PMU_UPROBE "/sys/bus/event_source/devices/uprobe/type"
#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

/* The effective set; what cannot be asked is taken as nothing. */
static uint64_t system_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        if (syscall(SYS_capget, &header, data) < 0)
                return 0;
        return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* CAP_BPF and CAP_PERFMON were enough for uprobes from Linux 5.8 until 6.16 and the stable kernels of that summer,
 * which want CAP_SYS_ADMIN again. Whoever has those two is let through: the kernel's refusal is explained when it
 * comes. */
static bool system_privileges_check(struct text *reason) {
        static const struct {
                unsigned cap;
                const char *name;
        } needed[] = {
                { CAP_BPF, "CAP_BPF" },
                { CAP_PERFMON, "CAP_PERFMON" },
        };
        uint64_t have = system_capabilities();
        const char *separator = "";

        if (have & 1ULL << CAP_SYS_ADMIN)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                if (have & 1ULL << needed[i].cap)
                        continue;
                text_printf(reason, "%s%s", separator, needed[i].name);
                separator = " and ";
        }
        if (!*separator)
                return true;
        text_append(reason,
                    " missing: run it as root (CAP_SYS_ADMIN alone will do, and CAP_SYS_PTRACE to see the processes "
                    "of other users)");
        return false;
}

/* Without the perf PMU libbpf falls back to tracefs. */
static bool system_uprobes_check(struct text *reason) {
        if (access(PMU_UPROBE, F_OK) == 0 || access("/sys/kernel/tracing/uprobe_events", F_OK) == 0 ||
            access("/sys/kernel/debug/tracing/uprobe_events", F_OK) == 0)
                return true;
        if (access("/sys/kernel/tracing", F_OK) == 0)
                text_append(reason,
                            "no uprobes to be seen: mount tracefs first (mount -t tracefs nodev /sys/kernel/tracing)");
        else
                text_append(reason, "the kernel has no uprobes (CONFIG_UPROBE_EVENTS), or /sys is not mounted");
        return false;
}

bool trace_system_sees_others(void) {
        return system_capabilities() & 1ULL << CAP_SYS_PTRACE;
}

int trace_system_check(struct text *reason) {
        if (!system_privileges_check(reason))
                return -EPERM;
        if (!system_uprobes_check(reason))
                return -EOPNOTSUPP;
        if (access(KERNEL_BTF, R_OK) < 0) {
                text_append(reason, "the kernel has no type information in " KERNEL_BTF " (CONFIG_DEBUG_INFO_BTF)");
                return -EOPNOTSUPP;
        }
        return 0;
}
