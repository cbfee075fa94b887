/* SPDX-License-Identifier: MIT */
/* The provider behind fpm_get_status(); keys and units are php-fpm's, the numbers those of the status page. */

#include "worker/phpstatus.h"

#include <string.h>

#include "base/time.h"
#include "sapi/sapi.h"
#include "status/fields.h"

static const struct scoreboard *phpstatus_scoreboard;

/* Where fpm_get_status() has another name than the pages. */
static const char *phpstatus_name(const char *name, char buf[static STATUS_NAME_MAX]) {
        return strcmp(name, "content length") == 0 ? "request-length" : status_fields_dashed(name, buf);
}

static void phpstatus_put_values(struct sapi_status_writer *w, const struct status_value *values, size_t n) {
        for (const struct status_value *v = values; v < values + n; v++) {
                char buf[STATUS_NAME_MAX];
                const char *name = phpstatus_name(v->name, buf);

                switch (v->kind) {
                case STATUS_NUMBER:
                case STATUS_MOMENT:
                        sapi_status_put_number(w, name, (int64_t)v->number);
                        break;
                case STATUS_CENTS:
                        sapi_status_put_real(w, name, (double)v->number / 100.0);
                        break;
                case STATUS_TEXT:
                        sapi_status_put_text(w, name, v->text);
                        break;
                case STATUS_URI:
                        sapi_status_put_text(w, name, v->text);
                        sapi_status_put_text(w, "query-string", v->query);
                }
        }
}

static int phpstatus_write(struct sapi_status_writer *w) {
        _cleanup_snapshot_ struct status_snapshot s = {};
        struct status_value values[STATUS_VALUES_MAX];
        int r = status_snapshot_take(phpstatus_scoreboard, time_now(), STATUS_SNAPSHOT_WORKERS, &s);

        if (r < 0)
                return r;
        phpstatus_put_values(w, values, status_fields_pool(&s, values));
        for (uint32_t i = 0; i < s.n_workers; i++) {
                sapi_status_begin_process(w);
                phpstatus_put_values(w, values, status_fields_worker(&s, &s.workers[i], values));
        }
        return 0;
}

void phpstatus_provide(const struct scoreboard *scoreboard) {
        phpstatus_scoreboard = scoreboard;
        sapi_status_set_provider(phpstatus_write);
}
