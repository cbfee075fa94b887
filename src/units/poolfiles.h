/* SPDX-License-Identifier: MIT */
#pragma once
/* The pools of a folder's *.conf files, each file read by itself: a broken one costs its own pools. */

#include "base/text.h"
#include "conf/model.h"

struct poolfiles_visitor {
        /* Where one pool alone is wanted: files that cannot have it are not taken apart. NULL: all are. */
        const char *pool_name;
        /* The file is looked at now. May be NULL. */
        void (*begin)(const char *file);
        /* A pool of a good file. */
        int (*pool)(const char *file, const struct conf_pool *pool, void *userdata);
        /* A section of a broken one; problems: what is wrong with the file. Of the pool, listen directives alone hold.
         */
        int (*broken)(const char *file, const struct conf_pool *pool, const char *problems, void *userdata);
        /* "[FILE:LINE] ..." about no pool that could be named. */
        int (*remark)(const char *line, void *userdata);
        void *userdata;
};

/* Visits the folders' files in the order of their names, then those that include others. A folder that is not there has
 * none. A visitor's answer other than 0 ends it, and is returned; else 0 or -errno. */
int poolfiles_visit(char *const *folders, size_t n, const struct poolfiles_visitor *visitor);

/* The same for one file's n bytes, without includes. */
int poolfiles_visit_text(const char *file, const char *data, size_t n, const struct poolfiles_visitor *visitor);
