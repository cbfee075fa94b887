/* SPDX-License-Identifier: MIT */
/*
 * What a pool's processes are besides their user: limits and priority. Set while the process is what the master is. A
 * limit or a priority that the kernel refuses is told and does without, as with php-fpm.
 */

#include "child/attributes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/program.h"
#include "base/text.h"
#include "log/log.h"

int attributes_priority(const struct conf_global *global, const struct conf_pool *pool) {
        return pool->process_priority != CONF_INT_UNSET ? pool->process_priority : global->process_priority;
}

static rlim_t attributes_limit(int64_t value) {
        return value == CONF_UNLIMITED ? RLIM_INFINITY : (rlim_t)value;
}

struct attributes_limit {
        int resource;
        const char *directive, *name;
};

static void attributes_set_limit(const char *pool, const struct attributes_limit *row, int64_t value) {
        struct rlimit limit = { .rlim_cur = attributes_limit(value), .rlim_max = attributes_limit(value) };
        _cleanup_text_ struct text t = {};
        int r;

        if (value == 0 || setrlimit((__rlimit_resource_t)row->resource, &limit) == 0)
                return;
        r = -errno;
        text_printf(
                &t,
                "failed to set %s for this pool. Please check your system limits or decrease %s. setrlimit(%s, %" PRId64
                "): %s (%d)",
                row->directive, row->directive, row->name, value == CONF_UNLIMITED ? -1 : value, strerror(-r), -r);
        log_write(&(struct log_entry){ .level = LOG_LEVEL_ERROR, .pool = pool, .message = text_peek(&t) });
}

void attributes_set_limits(const char *pool, unsigned files, int64_t core) {
        static const struct attributes_limit files_limit = { RLIMIT_NOFILE, "rlimit_files", "RLIMIT_NOFILE" };
        static const struct attributes_limit core_limit = { RLIMIT_CORE, "rlimit_core", "RLIMIT_CORE" };

        attributes_set_limit(pool, &files_limit, files);
        attributes_set_limit(pool, &core_limit, core);
}

unsigned attributes_files(const char *pool, unsigned files, unsigned least) {
        if (files == 0 || files >= least)
                return files;
        log_warning("[pool %s] rlimit_files = %u is too low: a worker and its zygote take about %u, and have these",
                    pool, files, least);
        return least;
}

void attributes_have_files(const char *pool, unsigned least) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= least)
                return;
        if (limit.rlim_max < least)
                log_warning("[pool %s] RLIMIT_NOFILE (%llu) is too low: a worker and its zygote take about %u "
                            "(LimitNOFILE=, ulimit -Hn)",
                            pool, (unsigned long long)limit.rlim_max, least);
        limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)least);
        setrlimit(RLIMIT_NOFILE, &limit);
}

void attributes_set_priority(const char *pool, int priority) {
        const char *message =
                "process.priority has no effect: only root, or who has CAP_SYS_NICE, may raise a priority";

        if (program_is_php_fpm() && geteuid() != 0)
                return; /* there it is for root alone, as the log has said */
        if (priority != CONF_INT_UNSET && setpriority(PRIO_PROCESS, 0, priority) < 0)
                log_write(&(struct log_entry){ .level = LOG_LEVEL_NOTICE, .pool = pool, .message = message });
}
