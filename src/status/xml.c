/* SPDX-License-Identifier: MIT */
/* The XML page, php-fpm's bytes for the same numbers; what may stand in an element is decided in markup.c. */

#include "status/xml.h"

#include "status/markup.h"

static void element_text(const char *name, const char *value, struct text *out) {
        text_printf(out, "<%s>", name);
        status_markup_value(value, out);
        text_printf(out, "</%s>", name);
}

static void element_number(const char *name, uint64_t value, struct text *out) {
        text_printf(out, "<%s>%llu</%s>", name, (unsigned long long)value, name);
}

static void line_text(const char *name, const char *value, struct text *out) {
        element_text(name, value, out);
        text_append_c(out, '\n');
}

static void line_number(const char *name, uint64_t value, struct text *out) {
        element_number(name, value, out);
        text_append_c(out, '\n');
}

static void render_worker(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        uint64_t cpu = status_worker_cpu(w);

        text_append(out, "<process>");
        element_number("pid", (uint64_t)w->pid, out);
        element_text("state", stage_info(w->stage)->label, out);
        element_number("start-time", w->start_wall / USEC_PER_SEC, out);
        element_number("start-since", status_worker_since(s, w) / USEC_PER_SEC, out);
        element_number("requests", w->request_id, out);
        element_number("request-duration", status_worker_duration(s, w), out);
        element_text("request-method", w->method, out);
        text_append(out, "<request-uri>");
        status_markup_uri(w, out);
        text_append(out, "</request-uri>");
        element_number("content-length", w->content_length, out);
        element_text("user", w->user, out);
        element_text("script", w->script, out);
        text_printf(out, "<last-request-cpu>%llu.%02llu</last-request-cpu>", (unsigned long long)(cpu / 100),
                    (unsigned long long)(cpu % 100));
        element_number("last-request-memory", status_worker_memory(w), out);
        text_append(out, "</process>\n");
}

static void render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, "<processes>\n");
        for (uint32_t i = 0; i < s->n_workers; i++)
                render_worker(s, &s->workers[i], out);
        text_append(out, "</processes>\n");
}

void status_xml_render(const struct status_snapshot *s, bool full, struct text *out) {
        text_append(out, "<?xml version=\"1.0\" ?>\n<status>\n");
        line_text("pool", s->pool, out);
        line_text("process-manager", s->pm, out);
        line_number("start-time", s->start_wall / USEC_PER_SEC, out);
        line_number("start-since", s->start_since / USEC_PER_SEC, out);
        line_number("accepted-conn", s->requests, out);
        line_number("listen-queue", s->listen_queue, out);
        line_number("max-listen-queue", s->max_listen_queue, out);
        line_number("listen-queue-len", s->listen_queue_len, out);
        line_number("idle-processes", s->n_idle, out);
        line_number("active-processes", s->n_active, out);
        line_number("total-processes", s->n_total, out);
        line_number("max-active-processes", s->max_active, out);
        line_number("max-children-reached", s->max_children_reached, out);
        line_number("slow-requests", s->slow_requests, out);
        if (FPMD_PHP_VERSION_ID >= 80400)
                line_number("memory-peak", s->memory_peak, out);
        if (full)
                render_workers(s, out);
        text_append(out, "</status>");
}
