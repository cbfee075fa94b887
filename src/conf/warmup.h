/* SPDX-License-Identifier: MIT */
#pragma once
/* A value of worker.warmup[]: the address of a page, as far as a request for it differs from others. */

#include <stdbool.h>
#include <stddef.h>

#include "conf/check.h"

struct conf_warmup {
        bool tls;
        const char *host; /* with its port; not terminated */
        size_t n_host;
        const char *uri;   /* what a web server calls REQUEST_URI */
        const char *query; /* in there, behind the '?'; "": none */
};

/* Parts of the text. False: it is neither /PATH nor http://HOST/PATH nor https://HOST/PATH. */
bool conf_warmup_parse(const char *text, struct conf_warmup *ret);

/* Tells of lines whose script is missing, or is one too many. */
void conf_warmup_check(const struct conf_check *k, const struct conf_pool *pool);
