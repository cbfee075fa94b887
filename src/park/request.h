/* SPDX-License-Identifier: MIT */
#pragma once
/* What a request says that waits here, where that matters: it is to be told from others, or answered. */

#include <stdbool.h>
#include <stdint.h>

#include "conf/model.h"
#include "park/park.h"

struct request {
        bool begun; /* there is one: id and keep are known */
        uint16_t id;
        bool keep;             /* its client wants the connection back */
        bool whole;            /* all of it is here */
        bool ended;            /* and the end of FCGI_STDIN with it */
        enum park_class class; /* by queue.priority */
        bool no_body;          /* its method is HEAD */
        bool page;             /* it is for ping.path or pm.status_path */
        const uint8_t *behind; /* what has come behind one that has ended */
        size_t n_behind;
        uint32_t n_missing; /* bytes of its end that are still to come, and mean nothing */
};

/* Reads it from the bytes that are here. Of one whose head is not here whole it says that it has begun, and no more. */
void request_read(const struct conf_pool *pool, const uint8_t *in, size_t n, struct request *ret);
