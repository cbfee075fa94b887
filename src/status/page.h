/* SPDX-License-Identifier: MIT */
#pragma once
/* The pages a pool answers without PHP, ping.path and pm.status_path: a request's parameters in, a CGI reply out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "conf/model.h"
#include "scoreboard/layout.h"

struct status_page {
        const uint8_t *params; /* the request's, decoded from its streams (fcgi/params.h) */
        size_t n_params;
        const struct conf_pool *pool;
        const struct scoreboard *scoreboard;
        int32_t self; /* the worker that answers, which php-fpm shows as running; 0: none does */
        bool at_once; /* wait for no writer of the scoreboard, and look at n_slots of it at most */
        uint32_t n_slots;
        const char *php_version; /* for X-Powered-By; NULL: expose_php is off, or PHP is not up yet */
};

/* Appends the reply, headers and body, when the request's SCRIPT_NAME is one of the pool's pages, else returns false.
 * Out of memory it is a 500, or ret->failed. */
bool status_page_answer(const struct status_page *page, struct text *ret);

/* The request is for this path. */
bool status_page_is(const struct status_page *page, const char *path);

/* Appends a reply with this text, which no cache may keep. status: "503 Service Unavailable"; NULL: 200. */
void status_page_plain(const struct status_page *page, const char *status, const struct text *body, struct text *ret);

/* Appends the reply for every other path, where nobody runs scripts: php-fpm's 404. */
void status_page_not_found(const struct status_page *page, struct text *ret);
