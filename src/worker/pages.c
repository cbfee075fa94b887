/* SPDX-License-Identifier: MIT */
/* Ping and status, answered from the scoreboard by whichever worker gets the request, as php-fpm does; see
 * status/page.c. */

#include "worker/pages.h"

#include <string.h>

#include "base/text.h"
#include "sapi/sapi.h"
#include "status/page.h"
#include "worker/access.h"
#include "worker/reply.h"
#include "worker/track.h"

static bool pages_are_asked(const struct track_request *request, const char *path) {
        return path && request->n_uri == strlen(path) && memcmp(request->uri, path, request->n_uri) == 0;
}

static bool pages_write(struct transport *t, const struct conf_pool *pool, const struct scoreboard *scoreboard) {
        _cleanup_text_ struct text reply = {};
        const struct status_page page = {
                .params = t->decoder.params,
                .n_params = t->decoder.n_params,
                .pool = pool,
                .scoreboard = scoreboard,
                .self = (int32_t)t->track->pid,
                .php_version = sapi_module_exposed_version(),
        };

        if (!status_page_answer(&page, &reply))
                return false;
        if (reply.failed)
                text_done(&reply), text_append(&reply, "Status: 500 Internal Server Error\r\n\r\n");
        access_page(t->access, text_peek(&reply));
        reply_append(t, FCGI_STDOUT, (const uint8_t *)text_peek(&reply), reply.n);
        return true;
}

bool pages_answer(struct transport *t, const struct track_request *request, const struct conf_pool *pool,
                  const struct scoreboard *scoreboard) {
        return (pages_are_asked(request, pool->ping_path) || pages_are_asked(request, pool->status_path)) &&
               pages_write(t, pool, scoreboard);
}
