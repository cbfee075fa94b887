/* SPDX-License-Identifier: MIT */
/* What is said of a request that takes too long: entries of the slow log as php-fpm writes them, and lines of the error
 * log. Everything of the request is its slot's word. */

#include "pool/slowlog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/conf.h"
#include "log/file.h"
#include "log/line.h"
#include "log/log.h"
#include "scoreboard/stages.h"

int slowlog_try(const struct conf_pool *conf, int *ret) {
        int fd = -1;

        if (conf->slowlog && conf->request_slowlog_timeout > 0) {
                fd = log_file_open(conf->slowlog);
                if (fd < 0) {
                        log_error("[pool %s] cannot open the slow log '%s': %s", conf->name, conf->slowlog,
                                  strerror(-fd));
                        return fd;
                }
        }
        *ret = fd;
        return 0;
}

int slowlog_open(struct generation *g) {
        int fd, r = slowlog_try(g->conf, &fd);

        if (r < 0 || fd < 0)
                return r;
        fd_close(g->slow_log.fd);
        log_out_change(&g->slow_log, fd);
        return 0;
}

void slowlog_reopen(struct pool *p) {
        for (struct generation *g = p->generations; g; g = g->next)
                if (!g->asleep && slowlog_open(g) == 0 && g->slow_log.fd >= 0 && g == p->current)
                        log_own("[pool %s] slow log file re-opened", p->name);
}

/* "GET /index.php?a=1" */
static void slowlog_describe(const struct scoreboard_slot *s, char *buf, size_t n) {
        snprintf(buf, n, "%s %s%s%s", s->method, s->uri, *s->query ? "?" : "", s->query);
}

/* php-fpm's lines are warnings; details that it does not tell are warnings too, but under php-fpm's name only for
 * debugging. */
void slowlog_say(const struct pool_worker *w, const struct scoreboard_slot *s, enum log_event event,
                 const char *message) {
        log_write(&(struct log_entry){ .level = event != LOG_EVENT_NONE || !program_is_php_fpm() ? LOG_LEVEL_WARNING
                                                                                                 : LOG_LEVEL_DEBUG,
                                       .event = event,
                                       .pool = w->generation->pool->name,
                                       .message = message,
                                       .method = s->method,
                                       .uri = s->uri,
                                       .script = s->script,
                                       .worker_pid = (uint64_t)w->pid,
                                       .generation = w->generation->number });
}

void slowlog_say_limit(const struct pool_worker *w, const struct scoreboard_slot *s, enum log_event event,
                       usec_t taken) {
        char request[SCOREBOARD_METHOD_MAX + SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        char message[sizeof(request) + SCOREBOARD_SCRIPT_MAX + 160];
        bool over = event == LOG_EVENT_REQUEST_TIMEOUT;

        slowlog_describe(s, request, sizeof(request));
        snprintf(message, sizeof(message), "child %d, script '%s' (request: \"%s\") %s (%.6f sec), %s", w->pid,
                 s->script, request, over ? "execution timed out" : "executing too slow",
                 (double)taken / (double)USEC_PER_SEC, over ? "terminating" : "logging");
        slowlog_say(w, s, event, message);
}

void slowlog_say_oom(const struct pool_worker *w, const struct scoreboard_slot *s) {
        char request[SCOREBOARD_METHOD_MAX + SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        char message[sizeof(request) + SCOREBOARD_SCRIPT_MAX + 160];

        slowlog_describe(s, request, sizeof(request));
        if (stage_info(s->stage)->request)
                snprintf(message, sizeof(message),
                         "child %d, script '%s' (request: \"%s\") was killed by the kernel for want of memory", w->pid,
                         s->script, request);
        else
                snprintf(message, sizeof(message),
                         "child %d was killed by the kernel for want of memory, between two requests", w->pid);
        slowlog_say(w, s, LOG_EVENT_WORKER_OOM, message);
}

void slowlog_say_died(const struct pool_worker *w, const struct scoreboard_slot *s) {
        char request[SCOREBOARD_METHOD_MAX + SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        char message[sizeof(request) + SCOREBOARD_SCRIPT_MAX + 160];

        if (!stage_info(s->stage)->request)
                return;
        slowlog_describe(s, request, sizeof(request));
        snprintf(message, sizeof(message), "child %d had script '%s' (request: \"%s\") in hand", w->pid, s->script,
                 request);
        slowlog_say(w, s, LOG_EVENT_NONE, message);
}

/* One line of the log for each of the trace. */
void slowlog_say_trace(const struct pool_worker *w, const struct scoreboard_slot *s, const char *trace) {
        while (*trace) {
                size_t n = strcspn(trace, "\n");
                char message[4096];

                snprintf(message, sizeof(message), "child %d: %.*s", w->pid, (int)MIN(n, sizeof(message)), trace);
                slowlog_say(w, s, LOG_EVENT_NONE, message);
                trace += n + (trace[n] == '\n');
        }
}

static void slowlog_append_line(struct text *t, const char *name, const char *value) {
        text_printf(t, "%s = ", name);
        log_line_escape(value, t);
        text_append_c(t, '\n');
}

/* php-fpm's entry, with two lines more. One write. */
void slowlog_write(const struct pool_worker *w, const struct scoreboard_slot *s, const char *trace) {
        char uri[SCOREBOARD_URI_MAX + SCOREBOARD_QUERY_MAX];
        _cleanup_text_ struct text t = {};

        if (w->generation->slow_log.fd < 0)
                return;
        text_append_c(&t, '\n'); /* ends one that was cut, too */
        log_line_time(time_wall(), false, &t);
        text_printf(&t, " [pool %s] pid %d\n", w->generation->pool->name, w->pid);
        slowlog_append_line(&t, "script_filename", s->script);
        slowlog_append_line(&t, "request_method", s->method);
        snprintf(uri, sizeof(uri), "%s%s%s", s->uri, *s->query ? "?" : "", s->query);
        slowlog_append_line(&t, "request_uri", uri);
        text_append(&t, trace);
        if (t.failed)
                log_error("[pool %s] an entry of the slow log is lost: %s", w->generation->pool->name,
                          strerror(ENOMEM));
        else
                (void)log_out_write(&w->generation->slow_log, t.data, t.n);
}
