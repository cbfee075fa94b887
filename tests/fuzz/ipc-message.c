/* SPDX-License-Identifier: MIT */
/*
 * What a zygote may send to the master, over a real pair: one packet of any size with any number of descriptors. A
 * message that is taken fits its row, its text ends and is one line; of one that is not, nothing stays open.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/passing.h"
#include "fuzz.h"
#include "ipc/channel.h"
#include "ipc/message.h"

/* More than any row has. */
#define FDS_MAX (IPC_FDS_MAX + 3)

static void send_packet(int fd, const uint8_t *data, size_t n, size_t n_fds) {
        struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        int fds[FDS_MAX];
        PASSING_ROOM(room, FDS_MAX);

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = fd;
        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                abort();
}

static void check_message(const struct ipc_message *m, const int fds[static IPC_FDS_MAX], size_t n_fds) {
        assert(m->type > IPC_NONE && m->type < _IPC_TYPE_MAX);
        assert(strcmp(ipc_message_type_name(m->type), "unknown") != 0);
        assert(memchr(m->text, '\0', sizeof(m->text)));
        for (const char *p = m->text; *p; p++)
                assert((unsigned char)*p >= 0x20);
        for (size_t i = 0; i < IPC_FDS_MAX; i++)
                assert((fds[i] >= 0) == (i < n_fds));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        int before, fds[IPC_FDS_MAX], pair[2], r;
        struct ipc_message m;

        if (n < 1 || n > 2 * sizeof(m))
                return 0;
        if (channel_pair(pair) < 0)
                abort();
        before = fuzz_count_open();
        send_packet(pair[1], data + 1, n - 1, data[0] % (FDS_MAX + 1));
        r = ipc_message_receive(pair[0], &m, fds);
        assert(r == 0 || r == -EBADMSG);
        if (r == 0) {
                check_message(&m, fds, data[0] % (FDS_MAX + 1));
                ipc_message_close_fds(fds);
        }
        assert(fuzz_count_open() == before);
        assert(ipc_message_receive(pair[0], &m, fds) == IPC_E_EMPTY);
        close(pair[0]);
        close(pair[1]);
        return 0;
}
