/* SPDX-License-Identifier: MIT */
#include "child/order.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "ipc/channel.h"
#include "ipc/inherit.h"

static bool order_is_absent(const struct order *o, size_t i) {
        return i < INHERIT_N_FIXED && (o->absent & (1U << i)) != 0;
}

/* Those that are there, in a row, behind the gate. */
static size_t order_pack(struct order *o, const struct order_fds *fds, int ret[static ORDER_FDS_MAX + 1]) {
        size_t k = 0;

        o->absent = 0;
        ret[k++] = fds->gate;
        for (size_t i = 0; i < fds->n; i++)
                if (fds->fds[i] >= 0)
                        ret[k++] = fds->fds[i];
                else
                        o->absent |= 1U << i;
        return k;
}

int order_send(int fd, struct order *o, const struct order_fds *fds) {
        int there[ORDER_FDS_MAX + 1], r = 0;
        size_t n_there;
        char more = 0;

        if (fds->n > ORDER_FDS_MAX || fds->n != INHERIT_N_FIXED + o->n_listeners)
                return -E2BIG;
        n_there = order_pack(o, fds, there);
        for (size_t i = 0; i < n_there && r == 0; i += CHANNEL_FDS_MAX) {
                struct iovec iov = { .iov_base = i == 0 ? (void *)o : (void *)&more,
                                     .iov_len = i == 0 ? sizeof(*o) : sizeof(more) };
                struct channel_message m = {
                        .iov = &iov, .n_iov = 1, .fds = there + i, .n_fds = MIN(n_there - i, (size_t)CHANNEL_FDS_MAX)
                };

                r = channel_send(fd, &m);
        }
        return r == CHANNEL_E_FULL ? -EAGAIN : r;
}

/* One message of so many bytes; its descriptors are put behind those that are there. */
static int order_receive_part(int fd, struct iovec bytes, int *fds, size_t *n_fds) {
        struct channel_message m = { .iov = &bytes, .n_iov = 1, .fds = fds + *n_fds, .waits = true };
        struct channel_received got;
        int r;

        m.n_fds = MIN((size_t)CHANNEL_FDS_MAX, ORDER_FDS_MAX + 1 - *n_fds);
        r = channel_receive(fd, &m, &got);
        if (r == CHANNEL_E_END)
                return ORDER_E_END;
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        if (got.n != bytes.iov_len || got.n_fds == 0)
                return -EBADMSG;
        *n_fds += got.n_fds;
        return 0;
}

static size_t order_count_there(const struct order *o) {
        size_t n = 1;

        for (size_t i = 0; i < INHERIT_N_FIXED + o->n_listeners; i++)
                n += !order_is_absent(o, i);
        return n;
}

int order_receive(int fd, struct order *ret, struct order_fds *ret_fds) {
        int there[ORDER_FDS_MAX + 1], r;
        size_t n = 0, k = 1;
        char more;

        r = order_receive_part(fd, (struct iovec){ ret, sizeof(*ret) }, there, &n);
        if (r != 0)
                return r;
        ret_fds->gate = there[0];
        ret_fds->n = INHERIT_N_FIXED + ret->n_listeners;
        if (ret_fds->n > ORDER_FDS_MAX)
                return -EBADMSG;
        while (r == 0 && n < order_count_there(ret))
                r = order_receive_part(fd, (struct iovec){ &more, sizeof(more) }, there, &n);
        for (size_t i = 0; r == 0 && i < ret_fds->n; i++)
                ret_fds->fds[i] = order_is_absent(ret, i) ? -1 : there[k++];
        return r;
}

int order_send_answer(int fd, const struct order_answer *a) {
        struct iovec iov = { .iov_base = (void *)a, .iov_len = sizeof(*a) };
        int r = channel_send(fd, &(struct channel_message){ .iov = &iov, .n_iov = 1, .waits = true });

        return r > 0 ? -EAGAIN : r;
}

int order_receive_answer(int fd, struct order_answer *ret) {
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct channel_received got;
        int r = channel_receive(fd, &(struct channel_message){ .iov = &iov, .n_iov = 1 }, &got);

        if (r == CHANNEL_E_EMPTY)
                return -EAGAIN;
        if (r == CHANNEL_E_END)
                return -EPIPE;
        if (r == 0 && got.n != sizeof(*ret))
                return -EBADMSG;
        return r;
}
