/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool as an instance of the template units: the drop-ins of fpmd@NAME.service and fpmd@NAME.socket. */

#include <stdbool.h>

#include "base/text.h"
#include "base/time.h"
#include "conf/model.h"

/* NULL: the pool's name can be an instance's name, a file's name and FileDescriptorName= as it stands. Else a constant
 * text that says what it would have to be. */
const char *instance_name_error(const char *name);

/* Where the instance of that name listens, whose pool has that listen: the template's own address where systemd is to
 * give it one. As socketunit_address(). */
int instance_address(const char *name, const char *listen, char buf[static CONF_PATH_BYTES + 1]);

/* Its address is that of fpmd.socket, which gives way to it. */
bool instance_has_main_socket(const struct conf_pool *pool);

struct instance {
        const char *file; /* that the pool stands in */
        const struct conf_pool *pool;
        usec_t exit_idle;   /* for a pool that is ondemand; 0: it goes on */
        bool dynamic_users; /* of units.conf */
        const char *taken;  /* why its address is not its own, or NULL */
        const char
                *problems; /* what is wrong with the file, or NULL; then of the pool listen alone holds, if it does */
};

/* The texts, each the caller's to free. */
struct instance_texts {
        struct text service, socket; /* drop-ins; socket is empty where the template has all */
        struct text remarks;         /* "[FILE:LINE] ..." for what they cannot carry */
};
void instance_texts_done(struct instance_texts *t);
#define _cleanup_instance_texts_ _cleanup_(instance_texts_done)

/* 0; INSTANCE_E_REFUSED: the last of the remarks says why, and the service's drop-in is one whose start fails; the
 * socket is what it was all the same, if that can be, so that it stays open meanwhile. -ENOMEM. Pure, but for the
 * number of CPUs. */
enum { INSTANCE_E_REFUSED = 1 };
int instance_describe(const struct instance *instance, struct instance_texts *ret);
