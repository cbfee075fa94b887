/* SPDX-License-Identifier: MIT */
#pragma once
/* What PHP would not take of a configuration's settings, for whoever tests one: fpmd -t, fpmctl check. */

#include "base/text.h"
#include "conf/model.h"

struct phpcheck {
        int program;       /* fpmd-zygote, open */
        char *const *argv; /* its command line, with --check */
        bool allow_root;   /* a pool may run as root */
};

/*
 * Starts PHP for the configuration's pools, each as its user, and appends what it says: as sapi_remarks_get(), each
 * line once. Pools without settings of PHP's share one start. It takes some seconds at most: lines about pools that
 * were not looked at, and why, are notices. 0 or -errno.
 */
int phpcheck_run(const struct phpcheck *k, const struct conf *conf, struct text *ret);
