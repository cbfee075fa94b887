/* SPDX-License-Identifier: MIT */
/* One JSON object, times in microseconds. No string in it can hold what JSON would have escaped. */

#include "report.h"

static void report_append_times(const struct load_histogram *h, struct text *out) {
        static const struct {
                const char *name;
                uint32_t per_100k;
        } quantiles[] = { { "p50", 50000 }, { "p90", 90000 }, { "p99", 99000 }, { "p999", 99900 } };

        text_printf(out, "\"latency_us\": {\"mean\": %.3f", (double)load_histogram_mean(h) / 1000);
        for (size_t i = 0; i < ELEMENTSOF(quantiles); i++)
                text_printf(out, ", \"%s\": %.3f", quantiles[i].name,
                            (double)load_histogram_quantile(h, quantiles[i].per_100k) / 1000);
        text_printf(out, ", \"max\": %.3f}", (double)h->max / 1000);
}

static void report_append_outcomes(const struct load_result *r, struct text *out) {
        text_append(out, "\"outcomes\": {");
        for (unsigned i = 0; i < N_LOAD_OUTCOMES; i++)
                text_printf(out, "%s\"%s\": %llu", i > 0 ? ", " : "", load_outcome_text(i),
                            (unsigned long long)r->outcomes[i]);
        text_append(out, "}");
}

void load_report_render(const struct load_options *o, const struct load_result *r, struct text *out) {
        double seconds = (double)r->elapsed / 1e9;

        text_printf(out, "{\"requests\": %llu, \"failures\": %llu, \"unsent\": %llu, ", (unsigned long long)r->n_sent,
                    (unsigned long long)load_run_failures(r), (unsigned long long)r->n_unsent);
        report_append_outcomes(r, out);
        text_printf(out, ", \"first_failure\": \"%s\", ", r->first_failure);
        text_printf(out, "\"seconds\": %.6f, \"rate\": %.3f, \"cpu_seconds\": %.6f, \"stood_still\": %.3f, ", seconds,
                    seconds > 0 ? (double)r->outcomes[LOAD_OUTCOME_OK] / seconds : 0.0, (double)r->cpu / 1e9,
                    (double)r->stood_still / 1e9);
        report_append_times(&r->times, out);
        text_printf(out,
                    ", \"connections\": {\"at_a_time\": %llu, \"opened\": %llu, \"retried\": %llu, \"jain\": %.6f, "
                    "\"replies_min\": %llu, \"replies_max\": %llu}, \"retries\": ",
                    (unsigned long long)o->n_connections, (unsigned long long)r->n_opened,
                    (unsigned long long)r->retries.n, r->jain, (unsigned long long)r->replies_min,
                    (unsigned long long)r->replies_max);
        load_retry_render(&r->retries, out);
        text_append(out, "}\n");
}
