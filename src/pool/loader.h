/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's side of the loader (zygote/loader.h). With it, zygotes of several pools share what loading PHP's
 * libraries writes to, and start sooner; so they share their addresses too. There is one while zygotes of more than one
 * pool are wanted, and until it is up, or where it fails, a zygote loads everything itself.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "child/order.h"

struct pool_env;

struct loader {
        const struct pool_env *env;
        bool wanted;
        bool is_up;
        int pidfd; /* -1: there is none */
        int fd;
        unsigned n_zygotes; /* alive, of all pools */
};

/* Without a process. */
void loader_init(struct loader *l, const struct pool_env *env);

/* What there is ends. When it is wanted, a fresh one comes with the next zygote: with the libraries of that day. */
void loader_renew(struct loader *l, bool wanted);

/* The same, and its end is waited for, a second at most. */
void loader_done(struct loader *l);

/* Has a zygote forked, which is then the master's child: it waits until a byte is written to ret_gate, and ends when
 * that is closed. fds: n of ipc/inherit.h. Its pid; 0: it must be started without. */
pid_t loader_fork_zygote(struct loader *l, struct order *order, const int *fds, size_t n, int *ret_gate);

/* A zygote has begun, or has ended. */
void loader_count_zygote(struct loader *l);
void loader_forget_zygote(struct loader *l);
