/* SPDX-License-Identifier: MIT */
#include "park/request.h"

#include <string.h>

#include "base/macros.h"
#include "fcgi/decoder.h"
#include "fcgi/params.h"
#include "fcgi/scan.h"

static bool request_is_page(const struct fcgi_pair *name, const char *path) {
        return path && name->n_value == strlen(path) && memcmp(name->value, path, name->n_value) == 0;
}

static void request_read_head(const struct conf_pool *pool, const struct fcgi_decoder *d, struct request *ret) {
        struct fcgi_pair name;

        ret->id = d->request_id;
        ret->keep = d->keep_conn;
        ret->page = fcgi_params_find(d->params, d->n_params, "SCRIPT_NAME", &name) &&
                    (request_is_page(&name, pool->ping_path) || request_is_page(&name, pool->status_path));
}

/* Decodes up to the end of the head. */
static bool request_decode(struct fcgi_decoder *d, const uint8_t *in, size_t n) {
        size_t used;

        while (n > 0) {
                struct fcgi_event event;

                if (fcgi_decoder_step(d, in, n, &used, &event) < 0)
                        return false;
                if (event.type != FCGI_EVENT_BEGIN)
                        return event.type == FCGI_EVENT_HEAD;
                in += used;
                n -= used;
        }
        return false;
}

bool request_read(const struct conf_pool *pool, const uint8_t *in, size_t n, struct request *ret) {
        struct fcgi_decoder d;
        struct fcgi_scan scan = {};
        bool known;

        *ret = (struct request){};
        if (fcgi_decoder_init(&d, &(struct fcgi_limits){ .params_max = FCGI_PARAMS_MAX_DEFAULT }) < 0)
                return false;
        known = request_decode(&d, in, n);
        if (known)
                request_read_head(pool, &d, ret);
        fcgi_decoder_done(&d);
        ret->whole = fcgi_scan(&scan, in, n) == FCGI_SCAN_WHOLE;
        ret->ended = ret->whole && scan.at < n;
        return known;
}
