/* SPDX-License-Identifier: MIT */
/* A problem is a line that names file, line and directive; php-fpm's words for it, if it has any, are a line before it.
 */

#include "conf/check.h"

#include "conf/rows.h"

struct conf_where conf_check_where(const struct conf_pool *pool, enum conf_pool_row row) {
        return pool->given[row].file ? pool->given[row] : pool->where;
}

void conf_check_problem(const struct conf_check *k, const struct conf_pool *pool, enum conf_pool_row row,
                        const char *fmt, ...) {
        struct conf_where w = conf_check_where(pool, row);
        va_list ap;

        text_printf(k->problems, "[%s:%u] directive '%s': ", w.file, w.line, conf_pool_directives[row].name);
        va_start(ap, fmt);
        text_vprintf(k->problems, fmt, ap);
        va_end(ap);
        text_append_c(k->problems, '\n');
}

_printf_(3, 0) static void check_append(const struct conf_check *k, const struct conf_pool *pool, const char *fmt,
                                        va_list ap) {
        text_printf(k->problems, "[pool %s] ", pool->name);
        text_vprintf(k->problems, fmt, ap);
        text_append_c(k->problems, '\n');
}

void conf_check_alert(const struct conf_check *k, const struct conf_pool *pool, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        text_append(k->problems, "ALERT: ");
        check_append(k, pool, fmt, ap);
        va_end(ap);
}

void conf_check_error(const struct conf_check *k, const struct conf_pool *pool, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        check_append(k, pool, fmt, ap);
        va_end(ap);
}

void conf_check_global_problem(const struct conf_check *k, enum conf_global_row row, const char *what) {
        const struct conf_where *w = &k->conf->global.given[row];

        text_printf(k->problems, "[%s:%u] directive '%s': %s\n", w->file ? w->file : k->conf->files[0], w->line,
                    conf_global_directives[row].name, what);
}
