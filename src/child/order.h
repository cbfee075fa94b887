/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the master tells the loader (zygote/loader.c) about a zygote that it wants, over a SEQPACKET pair: an order, a
 * few descriptors with it and with each of the messages that follow, and one answer. Only the master has the other end,
 * so nothing is checked but the length.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child/identity.h"

/* Descriptors of one order, its gate aside: more listeners than most have. */
#define ORDER_FDS_MAX 64

struct order {
        uint64_t generation;
        uint32_t n_listeners;
        uint32_t absent; /* a bit for each place among the fixed descriptors, from INHERIT_FIRST on, that stays free */
        int32_t log_level;
        bool is_reload;
        struct identity who;
};

struct order_fds {
        int gate; /* the zygote begins with a byte from there, and ends when there is no sender any more */
        int fds[ORDER_FDS_MAX];
        size_t n; /* the fixed descriptors of ipc/inherit.h, -1 where there is none, and the listeners */
};

struct order_answer {
        int32_t error; /* -errno; 0: the zygote is pid, the master's child */
        int32_t pid;
};

/* Sets o->absent. Does not wait. 0; -EAGAIN (the socket is full); other -errno. */
int order_send(int fd, struct order *o, const struct order_fds *fds);

/* Waits for an order. The descriptors are close-on-exec. 0; ORDER_E_END (the master has gone); -EBADMSG; other -errno:
 * descriptors may be open. */
enum { ORDER_E_END = 1 };
int order_receive(int fd, struct order *ret, struct order_fds *ret_fds);

/* 0 or -errno. */
int order_send_answer(int fd, const struct order_answer *a);

/* Does not wait. 0; -EAGAIN (there is none); -EPIPE (the loader has gone); other -errno. */
int order_receive_answer(int fd, struct order_answer *ret);
