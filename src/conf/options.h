/* SPDX-License-Identifier: MIT */
#pragma once
/* What a command line adds to files. */

#include <stdbool.h>

struct conf_options {
        bool running_as_root; /* pools then must name a user that is not root */
        bool allow_root;      /* -R: they need not */
        bool testing;    /* names of users and groups must exist also where they cannot act: without root, or for a TCP
                            address */
        bool keeps_user; /* with testing, of a service that is not root: a pool's user and group need not exist */
        bool opens_logs; /* the caller will open them: whether it may is looked at */
        bool text_only;  /* do not look at this machine: whether users, groups and folders exist */
        bool no_environment; /* ${NAME} is nothing, or its default: who uses the values has another environment */
        bool php_fpm;        /* php-fpm's defaults where fpmd has others: daemonize, error_log, syslog.ident */
        const char *prefix; /* -p: where relative paths begin; NULL: where those of php-fpm do, in /usr, logs in /var */
        const char *pool;   /* --pool: the one pool that is taken of those that the files have; NULL: all */
        const char *units;  /* --leave-to-units: folders of systemd's; pools whose unit is enabled there are left out */
        const char *pid;    /* -g, or NULL: pid, where no file sets it */
};
