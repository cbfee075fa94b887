/* SPDX-License-Identifier: MIT */
/*
 * php-fpm's metrics, with its names and helps, which dashboards know. Behind them what only fpmd has: histograms of the
 * time requests took and of the time connections waited, and with full each worker.
 *
 * All of it reads as OpenMetrics 1.0 and as Prometheus' older text format, and passes the linters of both. So there is
 * no family of type counter: the one wants it named without _total, the other with it. php-fpm's have that type and no
 * _total: here what only ever grows has no type, and the rest are gauges. Only a program that goes by php-fpm's name
 * says, when full is not asked for, what php-fpm says to the byte, its types included: a comparison of pages under
 * that name expects no more.
 *
 * A worker is told by its pid. No label holds a client's bytes: a label value makes a time series, and clients could
 * make them without end.
 */

#include "status/openmetrics.h"

#include <string.h>

#include "base/program.h"
#include "base/utf8.h"
#include "log/out.h"

/* What a terminal would obey: the pool can write its own name into the scoreboard. */
static bool openmetrics_help_is_control(uint32_t code) {
        return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/* Help texts escape a backslash and a line feed; the rest must be UTF-8. */
static void openmetrics_help_text(const char *s, struct text *out) {
        while (*s) {
                uint32_t code;
                size_t n = utf8_decode(s, &code);

                if (*s == '\\')
                        text_append(out, "\\\\");
                else if (*s == '\n')
                        text_append(out, "\\n");
                else if (n == 0 || openmetrics_help_is_control(code))
                        text_append(out, UTF8_REPLACEMENT);
                else
                        text_append_n(out, s, n);
                s += MAX(n, (size_t)1);
        }
}

/* type NULL: a number that grows, of no type. */
static void openmetrics_family(const char *name, const char *type, const char *help, struct text *out) {
        text_printf(out, "# HELP %s %s\n", name, help);
        if (type)
                text_printf(out, "# TYPE %s %s\n", name, type);
}

/* One of php-fpm's families has its two lines the other way round. */
static void openmetrics_php_fpm_family(const char *name, const char *type, const char *help, struct text *out) {
        bool type_first = strcmp(name, "phpfpm_listen_queue_length") == 0;

        if (type_first)
                text_printf(out, "# TYPE %s %s\n", name, type);
        text_printf(out, "# HELP %s %s\n", name, help);
        if (!type_first)
                text_printf(out, "# TYPE %s %s\n", name, type);
}

static void openmetrics_render_up(const struct status_snapshot *s, struct text *out) {
        text_append(out, "# HELP phpfpm_up Could pool ");
        openmetrics_help_text(s->pool, out);
        text_append(out, " using a ");
        openmetrics_help_text(s->pm, out);
        text_append(out, " PM on PHP-FPM be reached?\n# TYPE phpfpm_up gauge\n");
        text_printf(out, "phpfpm_up %d\n", s->failed_starts == 0 || s->n_total > 0);
}

/* as_php_fpm: with its types. */
static void openmetrics_render_pool(const struct status_snapshot *s, bool as_php_fpm, struct text *out) {
        const struct {
                const char *name, *type, *php_fpm_type, *help;
                uint64_t value;
        } metrics[] = {
                { "phpfpm_start_since", "gauge", "counter", "The number of seconds since FPM has started.",
                  s->start_since / USEC_PER_SEC },
                { "phpfpm_accepted_connections", NULL, "counter", "The number of requests accepted by the pool.",
                  s->requests },
                { "phpfpm_listen_queue", "gauge", "gauge",
                  "The number of requests in the queue of pending connections.", s->listen_queue },
                { "phpfpm_max_listen_queue", "gauge", "counter",
                  "The maximum number of requests in the queue of pending connections since FPM has started.",
                  s->max_listen_queue },
                { "phpfpm_listen_queue_length", "gauge", "gauge",
                  "The size of the socket queue of pending connections.", s->listen_queue_len },
                { "phpfpm_idle_processes", "gauge", "gauge", "The number of idle processes.", s->n_idle },
                { "phpfpm_active_processes", "gauge", "gauge", "The number of active processes.", s->n_active },
                { "phpfpm_total_processes", "gauge", "gauge", "The number of idle + active processes.", s->n_total },
                { "phpfpm_max_active_processes", "gauge", "counter",
                  "The maximum number of active processes since FPM has started.", s->max_active },
                { "phpfpm_max_children_reached", NULL, "counter",
                  "The number of times, the process limit has been reached, when pm tries to start more children "
                  "(works only for pm 'dynamic' and 'ondemand').",
                  s->max_children_reached },
                { "phpfpm_slow_requests", NULL, "counter",
                  "The number of requests that exceeded your 'request_slowlog_timeout' value.", s->slow_requests },
#if FPMD_PHP_VERSION_ID >= 80400
                { "phpfpm_memory_peak", "gauge", "gauge", "The memory usage peak since FPM has started.",
                  s->memory_peak },
#endif
        };

        openmetrics_render_up(s, out);
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++) {
                if (as_php_fpm)
                        openmetrics_php_fpm_family(metrics[i].name, metrics[i].php_fpm_type, metrics[i].help, out);
                else
                        openmetrics_family(metrics[i].name, metrics[i].type, metrics[i].help, out);
                text_printf(out, "%s %llu\n", metrics[i].name, (unsigned long long)metrics[i].value);
        }
}

static void openmetrics_render_starts(const struct status_snapshot *s, struct text *out) {
        openmetrics_family(
                "phpfpm_failed_starts", "gauge",
                "Starts of the pool's PHP that have failed in a row; 0: the last one has not. They are tried again.",
                out);
        text_printf(out, "phpfpm_failed_starts %llu\n", (unsigned long long)s->failed_starts);
}

static void openmetrics_render_deaths(const struct status_snapshot *s, struct text *out) {
        openmetrics_family("phpfpm_workers_died", NULL, "Workers that ended by a signal or with a failure.", out);
        text_printf(out, "phpfpm_workers_died %llu\n", (unsigned long long)s->workers_died);
        openmetrics_family("phpfpm_workers_out_of_memory", NULL,
                           "Workers that the kernel has killed for want of memory.", out);
        text_printf(out, "phpfpm_workers_out_of_memory %llu\n", (unsigned long long)s->workers_oom);
}

static void openmetrics_seconds(uint64_t usec, struct text *out) {
        text_printf(out, "%llu.%06llu\n", (unsigned long long)(usec / USEC_PER_SEC),
                    (unsigned long long)(usec % USEC_PER_SEC));
}

#define LABEL(usec, label) label,

/* One label and one count for each bucket, n of them: each observation is counted once there, and in the page's buckets
 * in all that it is not above. */
struct openmetrics_histogram {
        const char *name, *help;
        const char *const *labels;
        const uint64_t *counts;
        size_t n;
        uint64_t sum;
};

static void openmetrics_histogram(const struct openmetrics_histogram *h, struct text *out) {
        uint64_t total = 0;

        openmetrics_family(h->name, "histogram", h->help, out);
        for (size_t i = 0; i < h->n; i++) {
                total += h->counts[i];
                text_printf(out, "%s_bucket{le=\"%s\"} %llu\n", h->name, h->labels[i], (unsigned long long)total);
        }
        text_printf(out, "%s_sum ", h->name);
        openmetrics_seconds(h->sum, out);
        text_printf(out, "%s_count %llu\n", h->name, (unsigned long long)total);
}

static void openmetrics_render_histograms(const struct status_snapshot *s, struct text *out) {
        static const char *const durations[SCOREBOARD_DURATIONS] = { SCOREBOARD_DURATION_BOUNDS(LABEL) "+Inf" };
        static const char *const waits[SCOREBOARD_WAITS] = { SCOREBOARD_WAIT_BOUNDS(LABEL) "+Inf" };
        const struct openmetrics_histogram histograms[] = {
                { .name = "phpfpm_request_duration_seconds",
                  .help = "Time from a request's first bytes to the end of its shutdown.",
                  .labels = durations,
                  .counts = s->durations,
                  .n = SCOREBOARD_DURATIONS,
                  .sum = s->duration_sum },
                { .name = "phpfpm_queue_wait_seconds",
                  .help = "Time that connections waited until a worker took them. Worked out once a second from the "
                          "length of the listen queues and the number of connections taken, first come, first served; "
                          "shorter queues are not seen. Exact for requests that the park offered.",
                  .labels = waits,
                  .counts = s->waits.n,
                  .n = SCOREBOARD_WAITS,
                  .sum = s->waits.sum },
        };

        for (size_t i = 0; i < ELEMENTSOF(histograms); i++)
                openmetrics_histogram(&histograms[i], out);
}

static void openmetrics_worker_begin(const char *name, const struct scoreboard_slot *w, struct text *out) {
        text_printf(out, "%s{pid=\"%d\"} ", name, w->pid);
}

static void openmetrics_worker_requests(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w,
                                        struct text *out) {
        text_printf(out, "%llu\n", (unsigned long long)w->request_id);
}

static void openmetrics_worker_age(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out) {
        openmetrics_seconds(status_snapshot_worker_since(s, w), out);
}

static void openmetrics_worker_active(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w,
                                      struct text *out) {
        text_append(out, stage_info(w->stage)->idle ? "0\n" : "1\n");
}

static void openmetrics_worker_duration(const struct status_snapshot *s, const struct scoreboard_slot *w,
                                        struct text *out) {
        openmetrics_seconds(status_snapshot_worker_duration(s, w), out);
}

static void openmetrics_worker_memory(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w,
                                      struct text *out) {
        text_printf(out, "%llu\n", (unsigned long long)status_snapshot_worker_memory(w));
}

static void openmetrics_worker_cpu(_unused_ const struct status_snapshot *s, const struct scoreboard_slot *w,
                                   struct text *out) {
        uint64_t cpu = status_snapshot_worker_cpu(w);

        text_printf(out, "%llu.%04llu\n", (unsigned long long)(cpu / 10000), (unsigned long long)(cpu % 10000));
}

static const struct {
        const char *name, *type, *help;
        void (*value)(const struct status_snapshot *s, const struct scoreboard_slot *w, struct text *out);
} worker_metrics[] = {
        { "phpfpm_worker_age_seconds", "gauge", "Time since the worker has started.", openmetrics_worker_age },
        { "phpfpm_worker_requests", "gauge", "The number of requests the worker has begun.",
          openmetrics_worker_requests },
        { "phpfpm_worker_active", "gauge", "1 while the worker has a request in hand, else 0.",
          openmetrics_worker_active },
        { "phpfpm_worker_request_duration_seconds", "gauge",
          "Time of the request in hand so far, else of the last one.", openmetrics_worker_duration },
        { "phpfpm_worker_last_request_memory_bytes", "gauge",
          "Peak of PHP's memory in the last request; 0 while one is in hand.", openmetrics_worker_memory },
        { "phpfpm_worker_last_request_cpu_ratio", "gauge",
          "CPU time of the last request to its time; 0 while one is in hand.", openmetrics_worker_cpu },
};

static void openmetrics_render_workers(const struct status_snapshot *s, struct text *out) {
        for (size_t i = 0; i < ELEMENTSOF(worker_metrics); i++) {
                openmetrics_family(worker_metrics[i].name, worker_metrics[i].type, worker_metrics[i].help, out);
                for (uint32_t k = 0; k < s->n_workers; k++) {
                        if (s->workers[k].pid == 0)
                                continue; /* being forked; two of them would be one series twice */
                        openmetrics_worker_begin(worker_metrics[i].name, &s->workers[k], out);
                        worker_metrics[i].value(s, &s->workers[k], out);
                }
        }
}

#define GAUGE   "gauge"
#define COUNTER NULL

struct openmetrics_number {
        const char *name, *type, *help;
};

/* n families of one number each. */
static void openmetrics_render_numbers(const struct openmetrics_number *rows, const uint64_t *values, size_t n,
                                       struct text *out) {
        for (size_t i = 0; i < n; i++) {
                openmetrics_family(rows[i].name, rows[i].type, rows[i].help, out);
                text_printf(out, "%s %llu\n", rows[i].name, (unsigned long long)values[i]);
        }
}

static void openmetrics_render_park(const struct status_snapshot *s, struct text *out) {
        static const struct openmetrics_number rows[_SCOREBOARD_PARK_MAX] = {
#define X(field, label, kind, text) { "phpfpm_park_" #field, kind, text },
                SCOREBOARD_PARK_NUMBERS(X)
#undef X
        };

        openmetrics_render_numbers(rows, s->park, ELEMENTSOF(rows), out);
}

static void openmetrics_render_overload(const struct status_snapshot *s, struct text *out) {
        static const struct openmetrics_number rows[_SCOREBOARD_OVERLOAD_MAX] = {
#define X(field, label, text) { "phpfpm_overload_" #field, COUNTER, text },
                SCOREBOARD_OVERLOAD_NUMBERS(X)
#undef X
        };

        openmetrics_render_numbers(rows, s->overload, ELEMENTSOF(rows), out);
}

static void openmetrics_render_denied(const struct status_snapshot *s, struct text *out) {
        static const struct openmetrics_number rows[_SCOREBOARD_DENIED_MAX] = {
#define X(field, label, text) { "phpfpm_denied_" #field, COUNTER, text },
                SCOREBOARD_DENIED_NUMBERS(X)
#undef X
        };

        openmetrics_render_numbers(rows, s->denied, ELEMENTSOF(rows), out);
}

static void openmetrics_render_losses(const struct status_snapshot *s, struct text *out) {
        openmetrics_family("phpfpm_log_entries_lost", NULL, "Log entries that nobody took for log_timeout.", out);
        for (size_t k = 0; k < SCOREBOARD_LOGS; k++)
                text_printf(out, "phpfpm_log_entries_lost{log=\"%s\"} %llu\n", log_out_kind_name((enum log_kind)k),
                            (unsigned long long)s->logs_lost[k]);
}

void status_openmetrics_render(const struct status_snapshot *s, bool full, struct text *out) {
        bool as_php_fpm = program_is_php_fpm() && !full;

        openmetrics_render_pool(s, as_php_fpm, out);
        if (!as_php_fpm) {
                openmetrics_render_starts(s, out);
                openmetrics_render_deaths(s, out);
                openmetrics_render_histograms(s, out);
                openmetrics_render_park(s, out);
                openmetrics_render_overload(s, out);
                openmetrics_render_denied(s, out);
                openmetrics_render_losses(s, out);
        }
        if (full)
                openmetrics_render_workers(s, out);
        text_append(out, "# EOF\n");
}
