/* SPDX-License-Identifier: MIT */
/* The access log of a pool: the master opens it, as it may, and workers write to it, which could not open it. */

#include "pool/access.h"

#include <string.h>

#include "conf/conf.h"
#include "log/file.h"
#include "log/log.h"

int access_open(const struct conf_pool *conf, int *ret) {
        int fd = -1;

        if (conf->access_log) {
                fd = conf_is_journal(conf->access_log) ? log_open_journal() : log_file_open(conf->access_log);
                if (fd < 0) {
                        log_error("[pool %s] cannot open the access log '%s': %s", conf->name, conf->access_log,
                                  strerror(-fd));
                        return fd;
                }
        }
        *ret = fd;
        return 0;
}
