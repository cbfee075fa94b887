/* SPDX-License-Identifier: MIT */
/* THE tables of the status pages' fields. Names and order are php-fpm's. */

#include "status/fields.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// clang-format off
#define NUMBER(label, value)  { .name = label, .kind = STATUS_NUMBER, .number = value }
#define CENTS(label, value)   { .name = label, .kind = STATUS_CENTS, .number = value }
#define MOMENT(label, usec)   { .name = label, .kind = STATUS_MOMENT, .number = (usec) / USEC_PER_SEC }
#define TEXT(label, value)    { .name = label, .kind = STATUS_TEXT, .text = fields_text(value) }
#define URI(label, path, qry) { .name = label, .kind = STATUS_URI, .text = path, .query = qry }
// clang-format on

static const char *fields_text(const char *s) {
        return *s ? s : "-";
}

size_t status_fields_pool(const struct status_snapshot *s, struct status_value ret[static STATUS_VALUES_MAX]) {
        const struct status_value values[] = {
                TEXT("pool", s->pool),
                TEXT("process manager", s->pm),
                MOMENT("start time", s->start_wall),
                NUMBER("start since", s->start_since / USEC_PER_SEC),
                NUMBER("accepted conn", s->requests), /* php-fpm counts every request, kept connection or not */
                NUMBER("listen queue", s->listen_queue),
                NUMBER("max listen queue", s->max_listen_queue),
                NUMBER("listen queue len", s->listen_queue_len),
                NUMBER("idle processes", s->n_idle),
                NUMBER("active processes", s->n_active),
                NUMBER("total processes", s->n_total),
                NUMBER("max active processes", s->max_active),
                NUMBER("max children reached", s->max_children_reached),
                NUMBER("slow requests", s->slow_requests),
#if FPMD_PHP_VERSION_ID >= 80400
                NUMBER("memory peak", s->memory_peak),
#endif
        };

        _Static_assert(ELEMENTSOF(values) <= STATUS_VALUES_MAX, "too many fields");
        memcpy(ret, values, sizeof(values));
        return ELEMENTSOF(values);
}

size_t status_fields_worker(const struct status_snapshot *s, const struct scoreboard_slot *w,
                            struct status_value ret[static STATUS_VALUES_MAX]) {
        const struct status_value values[] = {
                NUMBER("pid", (uint64_t)w->pid),
                TEXT("state", stage_info(w->stage)->label),
                MOMENT("start time", w->start_wall),
                NUMBER("start since", status_snapshot_worker_since(s, w) / USEC_PER_SEC),
                NUMBER("requests", w->request_id), /* this worker's own: the slot outlives it */
                NUMBER("request duration", status_snapshot_worker_duration(s, w)),
                TEXT("request method", w->method),
                URI("request uri", w->uri, w->query),
                NUMBER("content length", w->content_length),
                TEXT("user", w->user),
                TEXT("script", w->script),
                CENTS("last request cpu", status_snapshot_worker_cpu(w)),
                NUMBER("last request memory", status_snapshot_worker_memory(w)),
        };

        _Static_assert(ELEMENTSOF(values) <= STATUS_VALUES_MAX, "too many fields");
        memcpy(ret, values, sizeof(values));
        return ELEMENTSOF(values);
}

const char *status_fields_dashed(const char *name, char buf[static STATUS_NAME_MAX]) {
        size_t n = 0;

        for (; name[n] && n < STATUS_NAME_MAX - 1; n++)
                buf[n] = name[n] == ' ' ? '-' : name[n];
        buf[n] = '\0';
        return buf;
}

static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

void status_fields_time(uint64_t wall, struct text *out) {
        time_t t = (time_t)(wall / USEC_PER_SEC);
        struct tm tm;
        long zone;

        if (!localtime_r(&t, &tm)) {
                text_append_c(out, '-');
                return;
        }
        zone = labs(tm.tm_gmtoff) / 60;
        text_printf(out, "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                    tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+', zone / 60, zone % 60);
}

void status_fields_render(const struct status_value *v, bool seconds, void (*append)(const char *s, struct text *out),
                          struct text *out) {
        unsigned long long n = v->number;

        switch (v->kind) {
        case STATUS_NUMBER:
                text_printf(out, "%llu", n);
                break;
        case STATUS_CENTS:
                text_printf(out, "%llu.%02llu", n / 100, n % 100);
                break;
        case STATUS_MOMENT:
                if (seconds)
                        text_printf(out, "%llu", n);
                else
                        status_fields_time(n * USEC_PER_SEC, out);
                break;
        case STATUS_TEXT:
                append(v->text, out);
                break;
        case STATUS_URI:
                append(fields_text(v->text), out);
                if (*v->query) {
                        text_append_c(out, '?');
                        append(v->query, out);
                }
        }
}
