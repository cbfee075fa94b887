/* SPDX-License-Identifier: MIT */
/*
 * Whether PHP takes a pool's settings is known to PHP alone, with the pool's extensions. So whoever tests a
 * configuration has it started (src/phpcheck), in this program, as the pool's user. No preload script and no request
 * runs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "conf/conf.h"
#include "conf/pack.h"
#include "ipc/inherit.h"
#include "sapi/sapi.h"
#include "zygote/zygote.h"

int check_run(struct sapi_options *options) {
        _cleanup_free_ char *ini_files = NULL, *reason = NULL;
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *conf = NULL;
        const struct conf_pool *pool;
        int r = conf_pack_read(INHERIT_FIRST, &conf, &problems);

        if (r < 0)
                return EXIT_FAILURE;
        pool = &conf->pools[0];
        options->pool = pool;
        options->tries = true;
        r = sapi_module_start(options, &ini_files, &reason);
        if (r < 0)
                printf("[%s:%u] pool '%s': PHP does not start: %s\n", pool->where.file, pool->where.line, pool->name,
                       reason ?: strerror(-r));
        fputs(sapi_remarks_get(), stdout);
        fflush(stdout);
        _exit(EXIT_SUCCESS); /* what PHP has started is nobody's */
}
