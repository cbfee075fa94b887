/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The access log's format, php-fpm's access.format: compiled once, rendered for each request from a record. No I/O,
 * no clock.
 *
 *     %R - %u %t "%m %r%Q%q" %s %{milli}d %{Content-Type}o
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "base/time.h"

#define LOG_ACCESS_FORMAT_DEFAULT "%R - %u %t \"%m %r\" %s"

struct log_access_format;

/* Compiles. 0 and *ret, the caller's; LOG_ACCESS_E_INVALID, with what is wrong appended to reason; -ENOMEM. */
enum { LOG_ACCESS_E_INVALID = 1 };
int log_access_format_new(const char *text, struct log_access_format **ret, struct text *reason);
void log_access_format_free(struct log_access_format *f);
DEFINE_CLEANUP(struct log_access_format *, log_access_format_free)

/* What costs something to find out, and is left out of the record when the format does not show it. */
bool log_access_format_shows_cpu(const struct log_access_format *f);
bool log_access_format_shows_remote(const struct log_access_format *f);

/* One request. Texts that are NULL are shown as php-fpm shows them: "-" or nothing. */
struct log_access_record {
        const char *pool;
        const char *method;
        const char *uri; /* without query */
        const char *query;
        const char *script;
        const char *user;
        const char *remote;    /* the FastCGI client's IP address */
        const char *looked_up; /* what log_access_look_up() has gathered; NULL: nothing was found */
        uint64_t content_length;
        uint64_t memory; /* peak, bytes */
        uint32_t status;
        int32_t pid, parent_pid;
        usec_t begun_wall, ended_wall; /* since the epoch */
        usec_t duration;
        usec_t user_cpu, system_cpu;
};

/* Whether access.suppress_path may keep this request out of the log: a GET or HEAD without query and body, answered
 * with 200 to 299. Nothing that could be an attack hides behind such a path. */
bool log_access_may_suppress(const struct log_access_record *record);

/* Gathers the values of %{NAME}e and %{NAME}o, in the format's order, each ended by a NUL, into out: they must be
 * copied before a request's memory goes. A finder returns n bytes that need not be terminated, or NULL: there is no
 * such variable or header. */
struct log_access_finder {
        const char *(*variable)(void *ctx, const char *name, size_t *ret_n);
        const char *(*header)(void *ctx, const char *name, size_t *ret_n);
        void *ctx;
};
void log_access_look_up(const struct log_access_format *f, const struct log_access_finder *finder, struct text *out);

/* Appends the request's line, its newline included. Control characters are escaped, so a line is one line whatever a
 * client sends. Out of memory shows in out->failed. */
void log_access_render(const struct log_access_format *f, const struct log_access_record *record, struct text *out);
