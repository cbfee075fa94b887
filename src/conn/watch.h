/* SPDX-License-Identifier: MIT */
#pragma once
/* Inside this folder: how the events of an acceptor's epolls are called. Arrays with two elements: [true] is for a
 * worker that rests, or for one that holds a connection. */

#include <stdbool.h>

#include "conn/accept.h"

/* What an epoll event is about; listeners have their index. */
enum {
        WATCH_DOORBELL = -1,
        WATCH_LIFELINE = -2,
        WATCH_QUIT = -3,
        WATCH_KEPT = -4,
        WATCH_OFFERS = -5,
        WATCH_BELL = -6,
        WATCH_PARENT = -7
};

/* The epoll of a wait. */
static inline int acceptor_epoll(const struct acceptor *a, bool rests) {
        return rests ? a->rest_fds[a->kept >= 0] : a->epoll_fd;
}

/* From now on this worker does not rest any more: the zygote is gone, or it is to end. */
void acceptor_forget_roster(struct acceptor *a);

/* Has the kept connection heard in that epoll. 0 or -errno. */
int acceptor_hear_kept(struct acceptor *a, bool rests);
