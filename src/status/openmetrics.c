/* SPDX-License-Identifier: MIT */
/*
 * php-fpm's metrics, byte for byte, dashboards know them: its names, helps and types, and counters that do not end in _total. Behind them what only fpmd
 * has: a histogram of request durations, and with full each worker. Both read as OpenMetrics 1.0 and as Prometheus' older text format.
 *
 * A worker is told by its pid. No label holds a client's bytes: a label value makes a time series, and clients could make them without end.
 */

#include "status/openmetrics.h"

#include "base/utf8.h"

/* Help texts escape a backslash and a line feed; the rest must be UTF-8. */
static void help_text(const char *s, struct text *out) {
        while (*s) {
                uint32_t code;
                size_t n = utf8_decode(s, &code);

                if (n == 0)
                        text_append(out, UTF8_REPLACEMENT);
                else if (*s == '\\')
                        text_append(out, "\\\\");
                else if (*s == '\n')
                        text_append(out, "\\n");
                else
                        text_append_n(out, s, n);
                s += MAX(n, (size_t)1);
        }
}

static void family(const char *name, const char *type, const char *help, struct text *out) {
        text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metric(const char *name, const char *type, const char *help, uint64_t value, struct text *out) {
        family(name, type, help, out);
        text_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void render_up(const struct status_snapshot *s, struct text *out) {
        text_append(out, "# HELP phpfpm_up Could pool ");
        help_text(s->pool, out);
        text_append(out, " using a ");
        help_text(s->pm, out);
        text_append(out, " PM on PHP-FPM be reached?\n# TYPE phpfpm_up gauge\nphpfpm_up 1\n");
}

static void render_pool(const struct status_snapshot *s, struct text *out) {
        render_up(s, out);
        metric("phpfpm_start_since", "counter", "The number of seconds since FPM has started.",
               s->start_since / USEC_PER_SEC, out);
        metric("phpfpm_accepted_connections", "counter", "The number of requests accepted by the pool.", s->requests,
               out);
        metric("phpfpm_listen_queue", "gauge", "The number of requests in the queue of pending connections.",
               s->listen_queue, out);
        metric("phpfpm_max_listen_queue", "counter",
               "The maximum number of requests in the queue of pending connections since FPM has started.",
               s->max_listen_queue, out);
        text_printf(out,
                    "# TYPE phpfpm_listen_queue_length gauge\n"
                    "# HELP phpfpm_listen_queue_length The size of the socket queue of pending connections.\n"
                    "phpfpm_listen_queue_length %llu\n",
                    (unsigned long long)s->listen_queue_len);
        metric("phpfpm_idle_processes", "gauge", "The number of idle processes.", s->n_idle, out);
        metric("phpfpm_active_processes", "gauge", "The number of active processes.", s->n_active, out);
        metric("phpfpm_total_processes", "gauge", "The number of idle + active processes.", s->n_total, out);
        metric("phpfpm_max_active_processes", "counter",
               "The maximum number of active processes since FPM has started.", s->max_active, out);
        metric("phpfpm_max_children_reached", "counter",
               "The number of times, the process limit has been reached, when pm tries to start more children (works "
               "only for "
               "pm 'dynamic' and 'ondemand').",
               s->max_children_reached, out);
        metric("phpfpm_slow_requests", "counter",
               "The number of requests that exceeded your 'request_slowlog_timeout' value.", s->slow_requests, out);
        if (FPMD_PHP_VERSION_ID >= 80400)
                metric("phpfpm_memory_peak", "gauge", "The memory usage peak since FPM has started.", s->memory_peak,
                       out);
}

static void seconds(uint64_t usec, struct text *out) {
        text_printf(out, "%llu.%06llu\n", (unsigned long long)(usec / USEC_PER_SEC),
                    (unsigned long long)(usec % USEC_PER_SEC));
}

/* The buckets say how many took at most so long; the slots count each request once. */
static void render_durations(const struct status_snapshot *s, struct text *out) {
        static const char *const labels[SCOREBOARD_DURATIONS] = {
#define X(usec, label) label,
                SCOREBOARD_DURATION_BOUNDS(X)
#undef X
                        "+Inf",
        };
        uint64_t n = 0;

        family("phpfpm_request_duration_seconds", "histogram",
               "Time from a request's first bytes to the end of its shutdown.", out);
        for (size_t i = 0; i < SCOREBOARD_DURATIONS; i++) {
                n += s->durations[i];
                text_printf(out, "phpfpm_request_duration_seconds_bucket{le=\"%s\"} %llu\n", labels[i],
                            (unsigned long long)n);
        }
        text_append(out, "phpfpm_request_duration_seconds_sum ");
        seconds(s->duration_sum, out);
        text_printf(out, "phpfpm_request_duration_seconds_count %llu\n", (unsigned long long)n);
}

static void worker_begin(const char *name, const struct scoreboard_slot *w, struct text *out) {
        text_printf(out, "%s{pid=\"%d\"} ", name, w->pid);
}

static void worker_requests(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w,
                            struct text *out) {
        text_printf(out, "%llu\n", (unsigned long long)w->request_id);
}

static void worker_start_since(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        text_printf(out, "%llu\n", (unsigned long long)(status_worker_since(s, w) / USEC_PER_SEC));
}

static void worker_active(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        text_append(out, stage_info(w->stage)->idle ? "0\n" : "1\n");
}

static void worker_duration(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        seconds(status_worker_duration(s, w), out);
}

static void worker_memory(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        text_printf(out, "%llu\n", (unsigned long long)status_worker_memory(w));
}

static void worker_cpu(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        uint64_t cpu = status_worker_cpu(w);

        text_printf(out, "%llu.%04llu\n", (unsigned long long)(cpu / 10000), (unsigned long long)(cpu % 10000));
}

static const struct {
        const char *name, *type, *help;
        void (*value)(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out);
} worker_metrics[] = {
        { "phpfpm_worker_start_since", "gauge", "The number of seconds since the worker has started.",
          worker_start_since },
        { "phpfpm_worker_requests", "gauge", "The number of requests the worker has begun.", worker_requests },
        { "phpfpm_worker_active", "gauge", "1 while the worker has a request in hand, else 0.", worker_active },
        { "phpfpm_worker_request_duration_seconds", "gauge",
          "Time of the request in hand so far, else of the last one.", worker_duration },
        { "phpfpm_worker_last_request_memory_bytes", "gauge",
          "Peak of PHP's memory in the last request; 0 while one is in hand.", worker_memory },
        { "phpfpm_worker_last_request_cpu_ratio", "gauge",
          "CPU time of the last request to its time; 0 while one is in hand.", worker_cpu },
};

static void render_workers(const struct status_snapshot *s, struct text *out) {
        for (size_t i = 0; i < ELEMENTSOF(worker_metrics); i++) {
                family(worker_metrics[i].name, worker_metrics[i].type, worker_metrics[i].help, out);
                for (uint32_t k = 0; k < s->n_workers; k++) {
                        if (s->workers[k].pid == 0)
                                continue; /* being forked; two of them would be one series twice */
                        worker_begin(worker_metrics[i].name, &s->workers[k], out);
                        worker_metrics[i].value(s, &s->workers[k], out);
                }
        }
}

void status_openmetrics_render(const struct status_snapshot *s, bool full, struct text *out) {
        render_pool(s, out);
        render_durations(s, out);
        if (full)
                render_workers(s, out);
        text_append(out, "# EOF\n");
}
