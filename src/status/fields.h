/* SPDX-License-Identifier: MIT */
#pragma once
/* What php-fpm's pages tell of a pool and of a worker: the two lists behind the text, HTML, XML and JSON pages and
 * fpm_get_status(). */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "status/snapshot.h"

enum status_kind {
        STATUS_NUMBER,
        STATUS_CENTS,  /* hundredths in number, shown as 12.34 */
        STATUS_MOMENT, /* seconds since the epoch in number: shown as such, or for people */
        STATUS_TEXT,   /* of unknown origin, never empty */
        STATUS_URI,    /* text and query, both of unknown origin and possibly empty */
};

struct status_value {
        const char *name; /* as in JSON and HTML */
        enum status_kind kind;
        uint64_t number;
        const char *text;
        const char *query;
};

#define STATUS_VALUES_MAX 16

/* The values in php-fpm's order, and how many. Texts are borrowed from the snapshot and the row. */
size_t status_fields_pool(const struct status_snapshot *s, struct status_value ret[static STATUS_VALUES_MAX]);
size_t status_fields_worker(const struct status_snapshot *s, const struct scoreboard_slot *w,
                            struct status_value ret[static STATUS_VALUES_MAX]);

/* "start time" as "start-time", the spelling of XML and of fpm_get_status(). */
#define STATUS_NAME_MAX 32
const char *status_fields_dashed(const char *name, char buf[static STATUS_NAME_MAX]);

/* A value as people read it, or (seconds) with moments as seconds since the epoch. append writes what is of unknown
 * origin so that it can stand there. */
void status_fields_render(const struct status_value *v, bool seconds, void (*append)(const char *s, struct text *out),
                          struct text *out);

/* A moment as people read it, "21/Nov/2026:20:46:42 +0000", in local time. "-" for what is no time. */
void status_fields_time(uint64_t wall, struct text *out);
