/* SPDX-License-Identifier: MIT */
/*
 * What fpmtrace prints. Strings of traced processes are escaped before they get near a terminal: a worker is PHP code,
 * and the reader of this is mostly root.
 */

#include "render.h"

#include <string.h>

#include "base/json.h"
#include "base/printable.h"
#include "hist.h"
#include "scoreboard/stages.h"

#define NAME_WIDTH 16

_Static_assert((int)TRACE_STAGE_CREATING == (int)STAGE_CREATING && (int)_STAGE_MAX <= (int)TRACE_STAGES,
               "the BPF side and the table of stages");

static void render_append_escaped(struct text *t, const char *s, size_t max) {
        printable_append(t, s, max, PRINTABLE_TERMINAL);
}

/* At least `width` columns, and a blank after them. */
static void render_append_padded(struct text *t, const char *s, size_t width) {
        size_t n = t->n;

        render_append_escaped(t, s, SIZE_MAX);
        do
                text_append_c(t, ' ');
        while (!t->failed && t->n - n <= width);
}

static const char *render_stage_name(uint32_t stage, char buf[static NAME_WIDTH]) {
        struct text t = {};

        if (stage < _STAGE_MAX)
                return stage_info(stage)->name;
        text_printf(&t, "stage-%u", stage); /* of a newer build */
        text_copy(buf, NAME_WIDTH, text_peek(&t), t.n);
        text_done(&t);
        return buf;
}

void trace_render_duration(struct text *t, uint64_t ns) {
        if (ns < 1000)
                text_printf(t, "%u ns", (unsigned)ns);
        else if (ns < 1000000)
                text_printf(t, "%.1f us", (double)ns / 1e3);
        else if (ns < 1000000000)
                text_printf(t, "%.2f ms", (double)ns / 1e6);
        else
                text_printf(t, "%.2f s", (double)ns / 1e9);
}

static void render_append_duration_column(struct text *t, uint64_t ns, bool known) {
        _cleanup_text_ struct text cell = {};

        if (known)
                trace_render_duration(&cell, ns);
        text_printf(t, " %11s", known ? text_peek(&cell) : "-");
}

static void render_append_headline(struct text *t, const struct trace_snapshot *s) {
        text_printf(t, "fpmtrace: %.1f s, %llu transitions", (double)s->elapsed / 1e6,
                    (unsigned long long)trace_snapshot_transitions(s));
        if (s->lost.counts > 0)
                text_printf(t, ", %llu MORE NOT COUNTED (too many pools)", (unsigned long long)s->lost.counts);
        if (s->lost.samples > 0)
                text_printf(t, ", %llu durations lost", (unsigned long long)s->lost.samples);
        if (s->lost.events > 0)
                text_printf(t, ", %llu lines lost", (unsigned long long)s->lost.events);
        text_append_c(t, '\n');
}

struct row {
        const char *pool;
        const char *name;
        uint64_t n;
        uint64_t n_interval;
        double seconds;         /* of the interval */
        struct trace_hist hist; /* of the interval */
};

static void render_append_row(struct text *t, const struct row *row) {
        bool known = row->hist.n > 0;

        render_append_padded(t, row->pool, NAME_WIDTH);
        render_append_padded(t, row->name, NAME_WIDTH);
        text_printf(t, "%10llu %10.1f", (unsigned long long)row->n,
                    row->seconds > 0 ? (double)row->n_interval / row->seconds : 0.0);
        render_append_duration_column(t, trace_hist_quantile(&row->hist, 500), known);
        render_append_duration_column(t, trace_hist_quantile(&row->hist, 990), known);
        render_append_duration_column(t, row->hist.max, row->hist.max > 0);
        text_append_c(t, '\n');
}

/* Rows of one pool: its requests, then its stages in their order. */
static void render_append_pool_rows(struct text *t, const struct trace_pool *now, const struct trace_pool *before,
                                    double seconds) {
        char name[NAME_WIDTH];

        for (uint32_t stage = 0; stage < TRACE_STAGES; stage++) {
                const struct trace_hist *h = now->hists[stage], *h0 = before ? before->hists[stage] : NULL;
                struct row row = {
                        .pool = now->name,
                        .name = stage == 0 ? "(request)" : render_stage_name(stage, name),
                        .n = stage == 0 ? (h ? h->n : 0) : trace_snapshot_pool_entered(now, stage),
                        .seconds = seconds,
                };
                uint64_t n0 = !before ? 0 : stage == 0 ? (h0 ? h0->n : 0) : trace_snapshot_pool_entered(before, stage);

                if (row.n == 0 && !h)
                        continue;
                row.n_interval = row.n - n0;
                if (h)
                        trace_hist_since(h, h0, &row.hist);
                render_append_row(t, &row);
        }
}

static void render_append_rows(struct text *t, const struct trace_snapshot *now, const struct trace_snapshot *before) {
        double seconds = (double)(now->elapsed - (before ? before->elapsed : 0)) / 1e6;

        text_printf(t, "%-16s %-16s %10s %10s %11s %11s %11s\n", "POOL", "STAGE", "ENTERED", "PER S", "P50", "P99",
                    "MAX");
        for (size_t i = 0; i < now->n_pools; i++) {
                const struct trace_pool *p = &now->pools[i];

                render_append_pool_rows(t, p, before ? trace_snapshot_find(before, p->name) : NULL, seconds);
        }
}

void trace_render_table(struct text *t, const struct trace_snapshot *now, const struct trace_snapshot *before) {
        render_append_headline(t, now);
        render_append_rows(t, now, before);
}

typedef void (*transition_fn)(struct text *t, const struct trace_pool *p, uint32_t from, uint32_t to);

static void render_each_transition(struct text *t, const struct trace_pool *p, transition_fn fn) {
        for (uint32_t from = 0; from < TRACE_STAGES; from++)
                for (uint32_t to = 0; to < TRACE_STAGES; to++)
                        if (p->counts[from][to] > 0)
                                fn(t, p, from, to);
}

static void render_append_transition(struct text *t, const struct trace_pool *p, uint32_t from, uint32_t to) {
        char a[NAME_WIDTH], b[NAME_WIDTH];

        render_append_padded(t, p->name, NAME_WIDTH);
        render_append_padded(t, render_stage_name(from, a), NAME_WIDTH);
        render_append_padded(t, render_stage_name(to, b), NAME_WIDTH);
        text_printf(t, "%10llu\n", (unsigned long long)p->counts[from][to]);
}

void trace_render_summary(struct text *t, const struct trace_snapshot *s) {
        render_append_headline(t, s);
        render_append_rows(t, s, NULL);
        text_printf(t, "\n%-16s %-16s %-16s %10s\n", "POOL", "FROM", "TO", "COUNT");
        for (size_t i = 0; i < s->n_pools; i++)
                render_each_transition(t, &s->pools[i], render_append_transition);
}

/* Items of a list are each followed by a comma; the last one's is taken back. */
static void render_end_list(struct text *t, char end) {
        if (t->n > 0 && t->data[t->n - 1] == ',')
                t->n--;
        text_append_c(t, end);
}

static void render_append_json_transition(struct text *t, const struct trace_pool *p, uint32_t from, uint32_t to) {
        char a[NAME_WIDTH], b[NAME_WIDTH];

        text_printf(t, "{\"from\":\"%s\",\"to\":\"%s\",\"count\":%llu},", render_stage_name(from, a),
                    render_stage_name(to, b), (unsigned long long)p->counts[from][to]);
}

static void render_append_json_latency(struct text *t, const struct trace_hist *h) {
        static const struct trace_hist none = {};

        if (!h)
                h = &none;
        text_printf(t, "\"measured\":%llu,\"sum_ns\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"max_ns\":%llu}",
                    (unsigned long long)h->n, (unsigned long long)h->sum,
                    (unsigned long long)trace_hist_quantile(h, 500), (unsigned long long)trace_hist_quantile(h, 990),
                    (unsigned long long)h->max);
}

static void render_append_json_pool(struct text *t, const struct trace_pool *p) {
        char name[NAME_WIDTH];

        text_append(t, "{\"pool\":");
        json_string(p->name, t);
        text_append(t, ",\"transitions\":[");
        render_each_transition(t, p, render_append_json_transition);
        render_end_list(t, ']');
        text_append(t, ",\"stages\":[");
        for (uint32_t stage = 1; stage < TRACE_STAGES; stage++) {
                uint64_t entered = trace_snapshot_pool_entered(p, stage);

                if (entered == 0 && !p->hists[stage])
                        continue;
                text_printf(t, "{\"stage\":\"%s\",\"entered\":%llu,", render_stage_name(stage, name),
                            (unsigned long long)entered);
                render_append_json_latency(t, p->hists[stage]);
                text_append_c(t, ',');
        }
        render_end_list(t, ']');
        text_append(t, ",\"requests\":{");
        render_append_json_latency(t, p->hists[0]);
        text_append(t, "},");
}

void trace_render_json(struct text *t, const struct trace_snapshot *s) {
        text_printf(t, "{\"elapsed_us\":%llu,\"transitions\":%llu,", (unsigned long long)s->elapsed,
                    (unsigned long long)trace_snapshot_transitions(s));
        text_printf(t, "\"lost\":{\"events\":%llu,\"counts\":%llu,\"samples\":%llu},\"pools\":[",
                    (unsigned long long)s->lost.events, (unsigned long long)s->lost.counts,
                    (unsigned long long)s->lost.samples);
        for (size_t i = 0; i < s->n_pools; i++)
                render_append_json_pool(t, &s->pools[i]);
        render_end_list(t, ']');
        text_append(t, "}\n");
}

static void render_append_start(struct text *t, const struct trace_event_start *e) {
        text_append(t, "start ");
        render_append_escaped(t, e->method, sizeof(e->method));
        if (e->uri[0]) {
                text_append_c(t, ' ');
                render_append_escaped(t, e->uri, sizeof(e->uri));
        }
        if (e->script[0]) {
                text_append(t, " script ");
                render_append_escaped(t, e->script, sizeof(e->script));
        }
}

static void render_append_stage(struct text *t, const struct trace_event *e) {
        char a[NAME_WIDTH], b[NAME_WIDTH];

        text_printf(t, "%s -> %s", render_stage_name(e->from, a), render_stage_name(e->to, b));
        if (e->duration > 0) {
                text_append(t, " after ");
                trace_render_duration(t, e->duration);
        }
}

static void render_append_done(struct text *t, const struct trace_event *e) {
        text_printf(t, "done %u, %llu bytes, ", e->status, (unsigned long long)e->bytes);
        trace_render_duration(t, e->duration);
}

void trace_render_event(struct text *t, const void *data, size_t n, uint64_t start_ns) {
        const struct trace_event *e = data;

        if (n < sizeof(*e) || (e->kind == TRACE_KIND_START && n < sizeof(struct trace_event_start)))
                return;
        text_printf(t, "%13.6f ", e->ns > start_ns ? (double)(e->ns - start_ns) / 1e9 : 0.0);
        render_append_escaped(t, e->pool, sizeof(e->pool));
        text_printf(t, " %u #%llu ", e->worker, (unsigned long long)e->request);
        switch (e->kind) {
        case TRACE_KIND_STAGE:
                render_append_stage(t, e);
                break;
        case TRACE_KIND_START:
                render_append_start(t, data);
                break;
        case TRACE_KIND_DONE:
                render_append_done(t, e);
                break;
        default:
                text_printf(t, "event of unknown kind %u", e->kind);
        }
        text_append_c(t, '\n');
}
