/* SPDX-License-Identifier: MIT */
/* Fixed-size messages over a channel, see message.h: there is no framing, no buffer and no partial state. */

#include "ipc/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/nowait.h"
#include "base/time.h"
#include "ipc/channel.h"

/* How long descriptors may be refused since others of the same user have too many on their way (unix(7), ETOOMANYREFS),
 * and how often that is looked at (ms). Nothing tells when it is over. */
#define MESSAGE_REFS_TIME  (3 * USEC_PER_SEC)
#define MESSAGE_REFS_PAUSE 10

static const struct {
        const char *name;
        size_t n_fds;
} ipc_rows[_IPC_TYPE_MAX] = { [IPC_NONE] = { "none", 0 },
#define X(symbol, fds) [IPC_##symbol] = { #symbol, fds },
                              IPC_MESSAGES(X)
#undef X
};

const char *ipc_message_type_name(uint32_t type) {
        return type < _IPC_TYPE_MAX ? ipc_rows[type].name : "unknown";
}

int ipc_message_send_at_once(int fd, const struct ipc_message *m, const int *fds) {
        struct iovec iov = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
        int r = channel_send(fd,
                             &(struct channel_message){
                                     .iov = &iov, .n_iov = 1, .fds = (int *)fds, .n_fds = ipc_rows[m->type].n_fds });

        return r == CHANNEL_E_FULL ? -EAGAIN : r;
}

int ipc_message_send(int fd, const struct ipc_message *m, const int *fds) {
        usec_t end = time_now() + MESSAGE_REFS_TIME;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                int r = ipc_message_send_at_once(fd, m, fds);

                if (r == -ETOOMANYREFS && time_now() < end)
                        (void)poll(NULL, 0, MESSAGE_REFS_PAUSE);
                else if (r != -EAGAIN)
                        return r;
                else if (poll(&p, 1, 1000) == 0)
                        return -ETIMEDOUT;
        }
}

void ipc_message_close_fds(int fds[static IPC_FDS_MAX]) {
        for (int i = 0; i < IPC_FDS_MAX; i++)
                fds[i] = nowait_close(fds[i]);
}

int ipc_message_receive(int fd, struct ipc_message *ret, int ret_fds[static IPC_FDS_MAX]) {
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct channel_received got;
        int r;

        r = channel_receive(
                fd, &(struct channel_message){ .iov = &iov, .n_iov = 1, .fds = ret_fds, .n_fds = IPC_FDS_MAX }, &got);
        if (r == CHANNEL_E_EMPTY)
                return IPC_E_EMPTY;
        if (r == CHANNEL_E_END)
                return IPC_E_GONE;
        if (r < 0)
                return r == -EMSGSIZE ? -EBADMSG : r;
        if (got.n != sizeof(*ret) || ret->type == IPC_NONE || ret->type >= _IPC_TYPE_MAX ||
            got.n_fds != ipc_rows[ret->type].n_fds) {
                ipc_message_close_fds(ret_fds);
                return -EBADMSG;
        }
        ret->text[IPC_TEXT_MAX - 1] = '\0';
        for (char *p = ret->text; *p; p++)
                if ((unsigned char)*p < 0x20)
                        *p = ' '; /* it goes into status lines, where a newline would begin another field */
        return 0;
}
