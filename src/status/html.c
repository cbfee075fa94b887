/* SPDX-License-Identifier: MIT */
/* The HTML page, php-fpm's bytes for the same numbers; what may stand in a cell is decided in markup.c. */

#include "status/html.h"

#include "status/markup.h"
#include "status/text.h"

static const char head[] = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" "
                           "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\n"
                           "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
                           "<head><title>PHP-FPM Status Page</title></head>\n"
                           "<body>\n";

static const char *const columns[] = { "pid",
                                       "state",
                                       "start time",
                                       "start since",
                                       "requests",
                                       "request duration",
                                       "request method",
                                       "request uri",
                                       "content length",
                                       "user",
                                       "script",
                                       "last request cpu",
                                       "last request memory" };

static void row_begin(const char *label, struct text *out) {
        text_printf(out, "<tr><th>%s</th><td>", label);
}

static void row_end(struct text *out) {
        text_append(out, "</td></tr>\n");
}

static void row_text(const char *label, const char *value, struct text *out) {
        row_begin(label, out);
        status_markup_value(value, out);
        row_end(out);
}

static void row_time(const char *label, uint64_t wall, struct text *out) {
        row_begin(label, out);
        status_text_time(wall, out);
        row_end(out);
}

static void row_number(const char *label, uint64_t value, struct text *out) {
        row_begin(label, out);
        text_printf(out, "%llu", (unsigned long long)value);
        row_end(out);
}

static void cell_text(const char *value, struct text *out) {
        text_append(out, "<td>");
        status_markup_value(value, out);
        text_append(out, "</td>");
}

static void cell_number(uint64_t value, struct text *out) {
        text_printf(out, "<td>%llu</td>", (unsigned long long)value);
}

static void render_worker(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        uint64_t cpu = status_worker_cpu(w);

        text_append(out, "<tr>");
        cell_number((uint64_t)w->pid, out);
        cell_text(stage_info(w->stage)->label, out);
        text_append(out, "<td>");
        status_text_time(w->start_wall, out);
        text_append(out, "</td>");
        cell_number(status_worker_since(s, w) / USEC_PER_SEC, out);
        cell_number(w->request_id, out);
        cell_number(status_worker_duration(s, w), out);
        cell_text(w->method, out);
        text_append(out, "<td>");
        status_markup_uri(w, out);
        text_append(out, "</td>");
        cell_number(w->content_length, out);
        cell_text(w->user, out);
        cell_text(w->script, out);
        text_printf(out, "<td>%llu.%02llu</td>", (unsigned long long)(cpu / 100), (unsigned long long)(cpu % 100));
        cell_number(status_worker_memory(w), out);
        text_append(out, "</tr>\n");
}

static void render_workers(const struct status_snapshot *s, struct text *out) {
        text_append(out, "<table border=\"1\">\n<tr>");
        for (size_t i = 0; i < ELEMENTSOF(columns); i++)
                text_printf(out, "<th>%s</th>", columns[i]);
        text_append(out, "</tr>\n");
        for (uint32_t i = 0; i < s->n_workers; i++)
                render_worker(s, &s->workers[i], out);
        text_append(out, "</table>");
}

void status_html_render(const struct status_snapshot *s, bool full, struct text *out) {
        text_append(out, head);
        text_append(out, "<table>\n");
        row_text("pool", s->pool, out);
        row_text("process manager", s->pm, out);
        row_time("start time", s->start_wall, out);
        row_number("start since", s->start_since / USEC_PER_SEC, out);
        row_number("accepted conn", s->requests, out);
        row_number("listen queue", s->listen_queue, out);
        row_number("max listen queue", s->max_listen_queue, out);
        row_number("listen queue len", s->listen_queue_len, out);
        row_number("idle processes", s->n_idle, out);
        row_number("active processes", s->n_active, out);
        row_number("total processes", s->n_total, out);
        row_number("max active processes", s->max_active, out);
        row_number("max children reached", s->max_children_reached, out);
        row_number("slow requests", s->slow_requests, out);
        if (FPMD_PHP_VERSION_ID >= 80400)
                row_number("memory peak", s->memory_peak, out);
        text_append(out, "</table>\n");
        if (full)
                render_workers(s, out);
        text_append(out, "</body></html>");
}
