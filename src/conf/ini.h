/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One line of php-fpm's configuration language. Pure: bytes in, parts out; no file, no directive is known here.
 *
 *     [section]     name = value     name[key] = value     name[] = value     ; comment
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "conf/scan.h"

enum conf_ini_kind { CONF_INI_NOTHING, CONF_INI_SECTION, CONF_INI_ENTRY };

struct conf_ini_line {
        enum conf_ini_kind kind;
        char *name;  /* of the section or the entry */
        char *key;   /* NULL: no brackets; "": empty ones */
        char *value; /* of an entry */
        enum conf_varies varies;
};

void conf_ini_line_done(struct conf_ini_line *line);
#define _cleanup_ini_line_ _cleanup_(conf_ini_line_done)

/*
 * Parses the n bytes of a line, without its end. 0 and *ret, to be freed with conf_ini_line_done(); CONF_SCAN_E_SYNTAX
 * and *ret_reason, a constant text; -ENOMEM.
 */
int conf_ini_parse(const char *s, size_t n, conf_scan_lookup lookup, struct conf_ini_line *ret,
                   const char **ret_reason);

/* Takes the next line out of *data, *n; ends are \n, \r\n and \r. False: no more. */
bool conf_ini_next(const char **data, size_t *n, const char **ret_line, size_t *ret_n);

/* Appends the value in a form that conf_ini_parse() reads back as the same bytes: bare where that is safe, else in
 * quotes. */
void conf_ini_quote(const char *value, struct text *out);
