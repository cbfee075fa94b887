/* SPDX-License-Identifier: MIT */
/*
 * The JSON page. Escapes are PHP's (slashes too), so the bytes equal php-fpm's, with one difference on purpose: bytes
 * that are not UTF-8 are shown as U+FFFD where php-fpm drops them silently.
 */

#include "status/json.h"

#include <string.h>

#include "base/utf8.h"

static void string_code_point(uint32_t code, struct text *out) {
        if (code >= 0x10000) {
                code -= 0x10000;
                text_printf(out, "\\u%04x\\u%04x", 0xd800 | code >> 10, 0xdc00 | (code & 0x3ff));
        } else
                text_printf(out, "\\u%04x", code);
}

static void string_ascii(char c, struct text *out) {
        static const char special[] = "\"\\/\b\f\n\r\t", escaped[] = "\"\\/bfnrt";
        const char *p = strchr(special, c);

        if (p) {
                text_append_c(out, '\\');
                text_append_c(out, escaped[p - special]);
        } else if ((unsigned char)c < 0x20)
                text_printf(out, "\\u%04x", (unsigned char)c);
        else
                text_append_c(out, c);
}

static void string_body(const char *s, struct text *out) {
        while (*s) {
                uint32_t code = 0xfffd;
                size_t n;

                if ((unsigned char)*s < 0x80) {
                        string_ascii(*s++, out);
                        continue;
                }
                n = utf8_decode(s, &code);
                string_code_point(code, out);
                s += MAX(n, (size_t)1);
        }
}

void status_json_string(const char *s, struct text *out) {
        text_append_c(out, '"');
        string_body(s, out);
        text_append_c(out, '"');
}

static void field_number(const char *key, uint64_t value, struct text *out) {
        text_printf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void field_text(const char *key, const char *value, struct text *out) {
        text_printf(out, ",\"%s\":", key);
        status_json_string(value[0] ? value : "-", out);
}

static void field_uri(const struct scoreboard_slot *w, struct text *out) {
        text_append(out, ",\"request uri\":\"");
        string_body(w->uri[0] ? w->uri : "-", out);
        if (w->query[0] != '\0') {
                text_append_c(out, '?');
                string_body(w->query, out);
        }
        text_append_c(out, '"');
}

static void render_worker(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        uint64_t cpu = status_worker_cpu(w);

        text_printf(out, "{\"pid\":%d", w->pid);
        field_text("state", stage_info(w->stage)->label, out);
        field_number("start time", w->start_wall / USEC_PER_SEC, out);
        field_number("start since", status_worker_since(s, w) / USEC_PER_SEC, out);
        field_number("requests", w->request_id, out);
        field_number("request duration", status_worker_duration(s, w), out);
        field_text("request method", w->method, out);
        field_uri(w, out);
        field_number("content length", w->content_length, out);
        field_text("user", w->user, out);
        field_text("script", w->script, out);
        text_printf(out, ",\"last request cpu\":%llu.%02llu", (unsigned long long)(cpu / 100),
                    (unsigned long long)(cpu % 100));
        field_number("last request memory", status_worker_memory(w), out);
        text_append_c(out, '}');
}

static void render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, ", \"processes\":[");
        for (uint32_t i = 0; i < s->n_workers; i++) {
                if (i > 0)
                        text_append_c(out, ',');
                render_worker(s, &s->workers[i], out);
        }
        text_append_c(out, ']');
}

void status_json_render(const struct status_snapshot *s, bool full, struct text *out) {
        text_append(out, "{\"pool\":");
        status_json_string(s->pool, out);
        field_text("process manager", s->pm, out);
        field_number("start time", s->start_wall / USEC_PER_SEC, out);
        field_number("start since", s->start_since / USEC_PER_SEC, out);
        field_number("accepted conn", s->requests, out);
        field_number("listen queue", s->listen_queue, out);
        field_number("max listen queue", s->max_listen_queue, out);
        field_number("listen queue len", s->listen_queue_len, out);
        field_number("idle processes", s->n_idle, out);
        field_number("active processes", s->n_active, out);
        field_number("total processes", s->n_total, out);
        field_number("max active processes", s->max_active, out);
        field_number("max children reached", s->max_children_reached, out);
        field_number("slow requests", s->slow_requests, out);
        if (FPMD_PHP_VERSION_ID >= 80400)
                field_number("memory peak", s->memory_peak, out);
        if (full)
                render_workers(s, out);
        text_append_c(out, '}');
}
