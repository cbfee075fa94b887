/* SPDX-License-Identifier: MIT */
#pragma once
/* What `fpmctl status` collects before it prints anything, and its two ways to print it. */

#include "ctl.h"
#include "status/snapshot.h"

struct ctl_view_pool {
        struct ipc_control_message message; /* .pool */
        struct status_snapshot snapshot;
        int error; /* why there is no snapshot: -errno of scoreboard_map_readonly(), or 0 */
};

struct ctl_view {
        struct ipc_control_message message; /* .service */
        struct ctl_view_pool *pools;
        size_t n_pools;
};

void ctl_view_done(struct ctl_view *v);
#define _cleanup_view_ _cleanup_(ctl_view_done)

/* Asks the master for all of it. 0, or a negative exit code after the error was told. */
int ctl_status_collect(const struct ctl *ctl, usec_t timeout, struct ctl_view *v);

/* Adds a POOL message, whose contents move into the view, and reads its scoreboard. 0 or -ENOMEM. */
int ctl_view_add_pool(struct ctl_view *v, struct ipc_control_message *m, usec_t now);

void ctl_view_text(const struct ctl_view *v, bool full, struct text *out);
void ctl_view_json(const struct ctl_view *v, bool full, struct text *out);

/* Calls fn for each name of a comma-separated list, blanks around names cut off. Returns how many there are. */
size_t ctl_view_each_file(const char *list, void (*fn)(const char *name, size_t i, struct text *out), struct text *out);
