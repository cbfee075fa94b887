/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A configuration in memory. The fields come from THE table, conf/directives.h; nothing else names them twice: a row
 * D("pm.max_children", max_children, COUNT, ...) is the field `unsigned max_children`, its C type is CONF_CTYPE_COUNT.
 * A model is immutable once loaded, and owns its strings. An unset value is NULL, or as the type's comment in the table
 * says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/names.h"
#include "base/time.h"
#include "conf/directives.h"
#include "conf/scan.h"
#include "log/log.h"

#define CONF_POOL_NAME_MAX 63U /* bytes of a pool's name */

/* From so many pools of one service on, each has a smaller table of opcache's strings where nobody says its size: in
 * php-fpm PHP's 8 MiB are one table for all pools, here each has its own, and each MiB takes a quarter of one at once.
 */
#define CONF_POOLS_MANY      100U
#define CONF_STRINGS         8U /* opcache.interned_strings_buffer, MiB: PHP's default */
#define CONF_STRINGS_OF_MANY 4U

enum conf_pm { CONF_PM_STATIC = 1, CONF_PM_DYNAMIC, CONF_PM_ONDEMAND };

/* What becomes of a request whose client is gone before its script begins, and of a script whose client goes. */
enum conf_abandoned { CONF_ABANDONED_RUN, CONF_ABANDONED_DROP };
enum conf_disconnect { CONF_DISCONNECT_IGNORE, CONF_DISCONNECT_ABORT };

/* Whose scripts are run. */
enum conf_owner { CONF_OWNER_ANY, CONF_OWNER_POOL };

/* Which system calls are denied: none, those that start programs, and those that no site needs. */
enum conf_seccomp { CONF_SECCOMP_NO, CONF_SECCOMP_EXEC, CONF_SECCOMP_STRICT };

/* Which files are in reach: all, those that the pool names and the system's, those that it names. */
enum conf_landlock { CONF_LANDLOCK_NO, CONF_LANDLOCK_YES, CONF_LANDLOCK_STRICT };

struct conf_where {
        const char *file;        /* one of struct conf.files; NULL: nowhere */
        unsigned line;           /* 0: a default, or from the command line */
        enum conf_varies varies; /* what a ${NAME} has done to the line */
};

/* One `name[key] = value` line of an array directive. */
struct conf_pair {
        char *key; /* "" for name[] = value */
        char *value;
        char *source; /* env[X] = $NAME or @cred:NAME: that text; value is then what the environment or the credential
                         had. Else NULL */
        struct conf_where where;
};

struct conf_pairs {
        struct conf_pair *items;
        size_t n;
};

/* One php_value, php_flag, php_admin_value or php_admin_flag line; a flag's value is "1" or "0". */
struct conf_php_setting {
        char *key;
        char *value;
        bool admin; /* ini_set() cannot change it */
        bool flag;
        struct conf_where where;
};

#define CONF_FIELD(name, field, type, min, max, initial, acts, applies) CONF_CTYPE_##type field;

struct conf_global {
        CONF_GLOBAL_DIRECTIVES(CONF_FIELD)
        struct conf_where given[_CONF_GLOBAL_MAX]; /* where each was set; file NULL: not at all */
};

struct conf_pool {
        char *name;
        struct conf_where where;        /* its [section] line */
        struct conf_where listen_where; /* given[CONF_POOL_listen] */
        bool start_servers_worked_out;  /* no file has set it */
        bool is_of_many;                /* there are CONF_POOLS_MANY or more; is no setting: a change changes no pool */
        CONF_POOL_DIRECTIVES(CONF_FIELD)
        struct conf_where given[_CONF_POOL_MAX];
        char *peer_uids; /* listen.peer_users as numbers with blanks between, of the moment of the check */
        struct conf_pairs env;
        struct conf_pairs suppress_paths;   /* access.suppress_path[] */
        struct conf_pairs queue_priorities; /* queue.priority[high] or [low] */
        struct conf_pairs exec_basedirs;    /* security.exec_basedir[], as a worker sees them */
        struct conf_pairs read_paths;       /* security.read_path[] and security.write_path[], likewise */
        struct conf_pairs write_paths;
        struct conf_pairs warmups; /* worker.warmup[]; the key is the script, where worker.script is not */
        /* In file order. Each key is there once: an admin setting beats a plain one, and of two alike the first stands,
         * as php-fpm has it. Only those that add up (extension, disable_functions, disable_classes) may be there more
         * than once. */
        struct conf_php_setting *php_settings;
        size_t n_php_settings;
};

#undef CONF_FIELD

/* worker.requests = 1: the zygote boots worker.script, and its workers are forks of what that has left. */
static inline bool conf_model_forks(const struct conf_pool *pool) {
        return pool->worker_script && pool->worker_requests == 1;
}

/* PHP code runs before its first workers accept, and may take worker.boot_timeout. */
static inline bool conf_model_prepares(const struct conf_pool *pool) {
        return pool->worker_script || pool->warmups.n > 0;
}

struct conf {
        struct conf_global global;
        struct conf_pool *pools;
        size_t n_pools;
        struct names by_name; /* their places, capital letters or not */
        char **files;         /* NULL-terminated: every file read, in order */
        /* NULL-terminated: "[FILE:LINE] ..." lines that are no errors, for a log; a line begins with its level where
         * that is not a notice. */
        char **notices;
        size_t n_noticed;  /* of them, before the first problem */
        char **left;       /* NULL-terminated: pools that are left to units of their own */
        char **left_files; /* the file of each, in the same order */
        /* NULL-terminated: pools for which the service manager has no socket, and a line about each, in one order */
        char **absent, **absent_lines;
};
