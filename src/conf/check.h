/* SPDX-License-Identifier: MIT */
#pragma once
/* What a check of a model has in hand, and how it tells of a problem. */

#include "base/text.h"
#include "conf/model.h"
#include "conf/options.h"

struct conf_check {
        struct conf *conf;
        const struct conf_options *options;
        struct text *problems;
};

/* The line that gave a pool's directive, or its section's line. */
struct conf_where conf_check_where(const struct conf_pool *pool, enum conf_pool_row row);

/* One line of the problems. */
void conf_check_problem(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                        const char *fmt, ...) _printf_(4, 5);
/*
 * The line that php-fpm has for a broken rule, word for word, for whoever looks for it: before the one of
 * conf_check_problem(), which tells where. An alert where php-fpm's is one; else an error.
 */
void conf_check_alert(const struct conf_check *k, const struct conf_pool *pool, const char *fmt, ...) _printf_(3, 4);
void conf_check_error(const struct conf_check *k, const struct conf_pool *pool, const char *fmt, ...) _printf_(3, 4);
void conf_check_global_problem(const struct conf_check *k, enum conf_global_row row, const char *what);
