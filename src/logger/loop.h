/* SPDX-License-Identifier: MIT */
#pragma once
/* The logger's loop: orders, signals, and the streams of one generation's workers. */

#include <stdbool.h>
#include <stddef.h>

#include "conf/model.h"

struct stream;

struct logger {
        const struct conf *conf;
        const struct conf_pool *pool;
        int orders; /* -1: the master is gone */
        int signal_fd;
        int epoll_fd;
        struct stream *streams;
        bool finishing;
};

/* Until there is nothing left to do. 0 or -errno. */
int logger_run(struct logger *l);
