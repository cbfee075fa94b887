/* SPDX-License-Identifier: MIT */
#include "park/request.h"

#include <fnmatch.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/decoder.h"
#include "fcgi/params.h"
#include "fcgi/record.h"
#include "fcgi/scan.h"

/* What is longer fits no pattern. */
#define REQUEST_NAME_MAX  128
#define REQUEST_VALUE_MAX 4096

static bool request_is_page(const struct fcgi_pair *name, const char *path) {
        return path && name->n_value == strlen(path) && memcmp(name->value, path, name->n_value) == 0;
}

/* Whether a parameter fits "NAME=PATTERN", or SCRIPT_NAME "PATTERN", which begins as a path does. */
static bool request_fits(const struct fcgi_decoder *d, const char *pattern) {
        const char *sign = pattern[0] == '/' || pattern[0] == '*' ? NULL : strchr(pattern, '=');
        char name[REQUEST_NAME_MAX] = "SCRIPT_NAME", value[REQUEST_VALUE_MAX];
        struct fcgi_pair pair;

        if (sign)
                text_copy(name, sizeof(name), pattern, (size_t)(sign - pattern));
        if (!fcgi_params_find(d->params, d->n_params, name, &pair) || pair.n_value >= sizeof(value))
                return false;
        text_copy(value, sizeof(value), pair.value, pair.n_value);
        return fnmatch(sign ? sign + 1 : pattern, value, 0) == 0;
}

/* The first line that fits decides. */
static enum park_class request_class(const struct conf_pool *pool, const struct fcgi_decoder *d) {
        for (size_t i = 0; i < pool->queue_priorities.n; i++) {
                const struct conf_pair *p = &pool->queue_priorities.items[i];

                if (request_fits(d, p->value))
                        return text_equal(p->key, "high") ? PARK_CLASS_HIGH : PARK_CLASS_LOW;
        }
        return PARK_CLASS_NORMAL;
}

static void request_read_head(const struct conf_pool *pool, const struct fcgi_decoder *d, struct request *ret) {
        struct fcgi_pair name, method;

        ret->no_body = fcgi_params_find(d->params, d->n_params, "REQUEST_METHOD", &method) && method.n_value == 4 &&
                       memcmp(method.value, "HEAD", 4) == 0;
        ret->class = request_class(pool, d);
        ret->page = fcgi_params_find(d->params, d->n_params, "SCRIPT_NAME", &name) &&
                    (request_is_page(&name, pool->ping_path) || request_is_page(&name, pool->status_path));
}

/* Decodes up to the end of the head, over what is asked beside the request. */
static void request_decode(struct fcgi_decoder *d, const uint8_t *in, size_t n, const struct conf_pool *pool,
                           struct request *ret) {
        size_t used;

        while (n > 0) {
                struct fcgi_event event;

                if (fcgi_decoder_step(d, in, n, &used, &event) < 0)
                        return;
                if (event.type == FCGI_EVENT_BEGIN) {
                        ret->begun = true;
                        ret->id = d->request_id;
                        ret->keep = d->keep_conn;
                } else if (event.type == FCGI_EVENT_HEAD)
                        request_read_head(pool, d, ret);
                if (event.type != FCGI_EVENT_BEGIN && event.type != FCGI_EVENT_REPLY)
                        return;
                in += used;
                n -= used;
        }
}

/* end: where the empty record is that ends it. */
static void request_find_behind(const uint8_t *in, size_t n, size_t end, struct request *ret) {
        struct fcgi_header h;

        fcgi_record_decode_header(in + end, &h);
        end += FCGI_HEADER_SIZE + h.n_content + h.n_padding;
        ret->behind = in + MIN(end, n);
        ret->n_behind = n - MIN(end, n);
        ret->n_missing = (uint32_t)(end - MIN(end, n));
}

void request_read(const struct conf_pool *pool, const uint8_t *in, size_t n, struct request *ret) {
        struct fcgi_decoder d;
        struct fcgi_scan scan = {};

        *ret = (struct request){ .class = PARK_CLASS_NORMAL, .behind = in };
        if (fcgi_decoder_init(&d, &(struct fcgi_limits){ .params_max = FCGI_PARAMS_MAX_DEFAULT }) < 0)
                return;
        request_decode(&d, in, n, pool, ret);
        fcgi_decoder_done(&d);
        ret->whole = fcgi_scan(&scan, in, n) == FCGI_SCAN_WHOLE;
        ret->ended = ret->whole && scan.at < n;
        if (ret->ended)
                request_find_behind(in, n, scan.at, ret);
}
