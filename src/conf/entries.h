/* SPDX-License-Identifier: MIT */
#pragma once
/* Sections and their lines, taken into a model one after the other. */

#include "conf/ini.h"
#include "conf/model.h"

#define CONF_ENTRIES_PROBLEMS_MAX 100U /* more are counted, not told */

struct conf_entries {
        struct conf *conf;
        struct text *problems;
        size_t n_problems;       /* told or not */
        struct conf_where where; /* of the line in hand; the caller sets it */
        enum { CONF_ENTRIES_GLOBAL, CONF_ENTRIES_POOL, CONF_ENTRIES_SKIP } section;
        size_t pool; /* of CONF_ENTRIES_POOL */
};

/* Appends "[FILE:LINE] what is wrong" for the line in hand. */
void conf_entries_problem(struct conf_entries *e, const char *fmt, ...) _printf_(2, 3);

/* The same without the place, for lines that php-fpm has none in. */
void conf_entries_bare_problem(struct conf_entries *e, const char *fmt, ...) _printf_(2, 3);

/* What php-fpm does not say of the problem just told: a line of its own, "[FILE:LINE] directive 'NAME': ...". */
void conf_entries_explain(struct conf_entries *e, const char *name, const char *fmt, ...) _printf_(3, 4);

/* A [section] line, and an entry. 0, problems included; -ENOMEM. */
int conf_entries_section(struct conf_entries *e, const char *name);
int conf_entries_take(struct conf_entries *e, const struct conf_ini_line *line);
