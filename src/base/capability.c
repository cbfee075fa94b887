/* SPDX-License-Identifier: MIT */
/* The sets of a thread, with one bit or none in those that count; see capability.h. The ambient set follows the
 * inheritable one, which has at most the one that an exec keeps. */

#include "base/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int capability_set(uint64_t held, uint64_t inheritable) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
                data[i] = (struct __user_cap_data_struct){ .effective = (uint32_t)(held >> (32 * i)),
                                                           .permitted = (uint32_t)(held >> (32 * i)),
                                                           .inheritable = (uint32_t)(inheritable >> (32 * i)) };
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int capability_keep(int capability) {
        return capability_set(UINT64_C(1) << capability, 0);
}

static int capability_pass_set(uint64_t held) {
        int r = capability_set(held, held);

        for (int i = 0; i < 64 && r == 0; i++)
                if (held & (UINT64_C(1) << i) &&
                    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)i, 0UL, 0UL) < 0)
                        r = -errno;
        return r;
}

int capability_pass(int capability) {
        return capability_pass_set(UINT64_C(1) << capability);
}

int capability_pass_all(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
        uint64_t held = 0;

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
                held |= (uint64_t)data[i].permitted << (32 * i);
        return held == 0 ? 0 : capability_pass_set(held);
}

bool capability_has(int capability) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

        return syscall(SYS_capget, &header, data) == 0 &&
               (data[capability / 32].permitted & (UINT32_C(1) << (capability % 32))) != 0;
}

/* True when no set has any; the bounding set aside. */
static bool capability_have_none(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
        uint32_t any = 0;

        if (syscall(SYS_capget, &header, data) < 0)
                return false;
        for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
                any |= data[i].effective | data[i].permitted | data[i].inheritable;
        return any == 0;
}

int capability_drop_all(void) {
        if (capability_have_none())
                return 0; /* a sandbox that gives none may well forbid capset(2) */
        return capability_set(0, 0);
}
