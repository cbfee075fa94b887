/* SPDX-License-Identifier: MIT */
#pragma once
/* Types of the table that php-fpm does not have; rows of conf/types.h. */

#include "base/text.h"
#include "conf/rows.h"

/* run, drop */
int conf_own_parse_abandoned(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_abandoned(const void *field, struct text *out);

/* ignore, abort */
int conf_own_parse_disconnect(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_disconnect(const void *field, struct text *out);
int conf_own_parse_owner(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_owner(const void *field, struct text *out);
int conf_own_parse_seccomp(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_seccomp(const void *field, struct text *out);
int conf_own_parse_landlock(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_landlock(const void *field, struct text *out);

/* A whole number, then ms, s, m, h, d or nothing; the row's bounds are seconds. */
int conf_own_parse_delay(const struct conf_directive *d, void *field, const char *text, struct text *reason);
void conf_own_format_delay(const void *field, struct text *out);
