/* SPDX-License-Identifier: MIT */
/*
 * The text page. Labels, their order and the column are php-fpm's, byte for byte. One thing differs on purpose: a control
 * character in a URI or a script's name is written as \xNN, since a line break there could forge any other line.
 *
 * A worker renders this after scripts may have called setlocale(): nothing here may depend on the locale.
 */

#include "status/text.h"

#include <time.h>

static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

void status_text_time(uint64_t wall, struct text *out) {
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

void status_text_clean(const char *s, struct text *out) {
        if (s[0] == '\0')
                text_append_c(out, '-');
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;

                if (c < 0x20 || c == 0x7f)
                        text_printf(out, "\\x%02x", c);
                else
                        text_append_c(out, *s);
        }
}

static void line_label(const char *label, struct text *out) {
        text_printf(out, "%-22s", label);
}

static void line_number(const char *label, uint64_t value, struct text *out) {
        line_label(label, out);
        text_printf(out, "%llu\n", (unsigned long long)value);
}

static void line_text(const char *label, const char *value, struct text *out) {
        line_label(label, out);
        status_text_clean(value, out);
        text_append_c(out, '\n');
}

static void line_time(const char *label, uint64_t wall, struct text *out) {
        line_label(label, out);
        status_text_time(wall, out);
        text_append_c(out, '\n');
}

static void line_uri(const struct scoreboard_slot *w, struct text *out) {
        line_label("request URI:", out);
        status_text_clean(w->uri, out);
        if (w->query[0] != '\0') {
                text_append_c(out, '?');
                status_text_clean(w->query, out);
        }
        text_append_c(out, '\n');
}

static void render_worker(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        uint64_t cpu = status_worker_cpu(w);

        text_append(out, "\n************************\n");
        line_label("pid:", out);
        text_printf(out, "%d\n", w->pid);
        line_text("state:", stage_info(w->stage)->label, out);
        line_time("start time:", w->start_wall, out);
        line_number("start since:", status_worker_since(s, w) / USEC_PER_SEC, out);
        line_number("requests:", w->request_id, out); /* this worker's own: the slot outlives it */
        line_number("request duration:", status_worker_duration(s, w), out);
        line_text("request method:", w->method, out);
        line_uri(w, out);
        line_number("content length:", w->content_length, out);
        line_text("user:", w->user, out);
        line_text("script:", w->script, out);
        line_label("last request cpu:", out);
        text_printf(out, "%llu.%02llu\n", (unsigned long long)(cpu / 100), (unsigned long long)(cpu % 100));
        line_number("last request memory:", status_worker_memory(w), out);
}

void status_text_render(const struct status_snapshot *s, struct text *out) {
        line_text("pool:", s->pool, out);
        line_text("process manager:", s->pm, out);
        line_time("start time:", s->start_wall, out);
        line_number("start since:", s->start_since / USEC_PER_SEC, out);
        line_number("accepted conn:", s->requests, out); /* php-fpm counts every request here, kept connection or not */
        line_number("listen queue:", s->listen_queue, out);
        line_number("max listen queue:", s->max_listen_queue, out);
        line_number("listen queue len:", s->listen_queue_len, out);
        line_number("idle processes:", s->n_idle, out);
        line_number("active processes:", s->n_active, out);
        line_number("total processes:", s->n_total, out);
        line_number("max active processes:", s->max_active, out);
        line_number("max children reached:", s->max_children_reached, out);
        line_number("slow requests:", s->slow_requests, out);
        if (FPMD_PHP_VERSION_ID >= 80400)
                line_number("memory peak:", s->memory_peak, out);

        for (uint32_t i = 0; i < s->n_workers; i++)
                render_worker(s, &s->workers[i], out);
}
