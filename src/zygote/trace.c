/* SPDX-License-Identifier: MIT */
/* A worker is only read when it is a child of this zygote that has not been reaped, so its pid is its own. */

#include "zygote/trace.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "sapi/backtrace.h"

static const struct zygote_child *trace_find(const struct zygote *z, const struct ipc_message *order) {
        for (size_t i = 0; order->pid > 0 && i < z->n_children; i++)
                if (z->children[i].pid == order->pid && z->children[i].slot == order->slot)
                        return &z->children[i];
        return NULL;
}

static int trace_read(const struct zygote *z, const struct ipc_message *order) {
        const struct zygote_child *child = trace_find(z, order);
        _cleanup_text_ struct text t = {};
        int r;

        if (!child)
                return -ESRCH;
        r = sapi_backtrace_child(child->pid, child->memory, z->pool->request_slowlog_trace_depth, &t);
        return r < 0 ? r : fd_new_sealed("fpmd-trace", text_peek(&t), t.n);
}

void trace_worker(const struct zygote *z, const struct ipc_message *order, struct ipc_message *ret, int *ret_fd) {
        int fd = trace_read(z, order);

        *ret = (struct ipc_message){ .type = fd < 0 ? IPC_TRACE_FAILED : IPC_TRACED,
                                     .slot = order->slot,
                                     .pid = order->pid,
                                     .status = fd < 0 ? -fd : 0 };
        *ret_fd = fd;
}
