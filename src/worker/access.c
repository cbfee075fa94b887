/* SPDX-License-Identifier: MIT */
/*
 * A request's facts may come at two times: what only PHP knows (script, user, headers) when the reply ends, since PHP
 * frees it soon after; status, memory and times when all is over. In between lies what a script does after
 * fastcgi_finish_request().
 */

#include "worker/access.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "log/journal.h"
#include "log/line.h"
#include "sapi/sapi.h"
#include "worker/setup.h"

int access_init(struct access *a, const struct conf_pool *pool, int fd) {
        _cleanup_text_ struct text reason = {};
        int r;

        *a = (struct access){
                .pool = pool, .out = { .fd = fd, .kind = LOG_KIND_ACCESS }, .pid = getpid(), .parent_pid = getppid()
        };
        if (fd < 0 || !pool->access_log)
                return 0;
        a->out.journal = conf_is_journal(pool->access_log);
        r = log_access_format_new(pool->access_format ? pool->access_format : LOG_ACCESS_FORMAT_DEFAULT, &a->format,
                                  &reason);
        return r == LOG_ACCESS_E_INVALID ? -EINVAL : r;
}

static usec_t access_usec(const struct timeval *tv) {
        return (usec_t)tv->tv_sec * USEC_PER_SEC + (usec_t)tv->tv_usec;
}

/* This process and the programs it has run and waited for. */
static void access_read_cpu(usec_t *ret_user, usec_t *ret_system) {
        struct rusage self = {}, children = {};

        getrusage(RUSAGE_SELF, &self);
        getrusage(RUSAGE_CHILDREN, &children);
        *ret_user = access_usec(&self.ru_utime) + access_usec(&children.ru_utime);
        *ret_system = access_usec(&self.ru_stime) + access_usec(&children.ru_stime);
}

void access_begin(struct access *a) {
        if (!a->format)
                return;
        a->begun = time_now();
        a->begun_wall = time_wall();
        a->collected = a->written = false;
        a->request = NULL;
        a->source = (struct access_source){ .fd = -1 };
        a->has_last = false;
        a->kept.n = a->looked_up.n = 0;
        a->kept.failed = a->looked_up.failed = false;
        a->script = a->uri = a->user = a->remote = 0;
        if (log_access_format_shows_cpu(a->format))
                access_read_cpu(&a->user_cpu, &a->system_cpu);
}

void access_head(struct access *a, const struct track_request *request, const struct access_source *source) {
        a->request = request;
        a->source = *source;
}

static size_t access_keep(struct access *a, const char *s, size_t n) {
        size_t at = a->kept.n + 1;

        text_append_n(&a->kept, s, strnlen(s, n));
        text_append_c(&a->kept, '\0');
        return at;
}

static size_t access_keep_string(struct access *a, const char *s) {
        return s ? access_keep(a, s, strlen(s)) : 0;
}

static const char *access_kept(const struct access *a, size_t at) {
        return at > 0 ? a->kept.data + at - 1 : NULL;
}

/* A parameter as PHP has it, or for a page of the pool's own as it came. */
static const char *access_find_variable(void *ctx, const char *name, size_t *ret_n) {
        const struct access *a = ctx;
        struct sapi_facts facts;
        const struct fcgi_index_entry *e;

        sapi_facts_get(&facts);
        if (facts.running)
                return sapi_facts_param(name, ret_n);
        e = a->source.params ? fcgi_index_find(a->source.params, name, strlen(name)) : NULL;
        if (!e)
                return NULL;
        *ret_n = e->n_value;
        return e->value;
}

/* Of a page's headers, as sapi_facts_header() does of PHP's. */
static const char *access_find_page_header(const char *page, const char *name, size_t *ret_n) {
        size_t n = strlen(name);

        for (const char *line = page; *line != '\r' && *line != '\0'; line += strcspn(line, "\n") + 1)
                if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
                        const char *value = line + n + 1 + strspn(line + n + 1, " \t");

                        *ret_n = strcspn(value, "\r\n");
                        return value;
                }
        return NULL;
}

static const char *access_find_header(void *ctx, const char *name, size_t *ret_n) {
        const struct access *a = ctx;

        return a->source.page ? access_find_page_header(a->source.page, name, ret_n) : sapi_facts_header(name, ret_n);
}

void access_collect(struct access *a) {
        const struct log_access_finder finder = { .variable = access_find_variable,
                                                  .header = access_find_header,
                                                  .ctx = a };
        struct sapi_facts facts;
        char text[ADDR_TEXT_MAX];
        struct addr peer;

        if (!a->format || a->collected)
                return;
        a->collected = true;
        sapi_facts_get(&facts);
        a->script = access_keep_string(a, facts.script);
        a->uri = access_keep_string(a, facts.uri);
        a->user = access_keep_string(a, facts.user);
        if (log_access_format_shows_remote(a->format) && addr_of_peer(a->source.fd, &peer) == 0 &&
            peer.sa.sa_family != AF_UNIX)
                a->remote = access_keep_string(a, addr_format_host(&peer, text));
        log_access_look_up(a->format, &finder, &a->looked_up);
}

void access_page(struct access *a, const char *reply) {
        if (!a->format || !a->request)
                return;
        a->source.page = reply;
        access_collect(a);
        a->source.page = NULL;
        a->uri = access_keep(a, a->request->uri, a->request->n_uri);
}

static bool access_is_suppressed(const struct access *a, const struct log_access_record *r) {
        if (!log_access_may_suppress(r))
                return false;
        for (size_t i = 0; i < a->pool->suppress_paths.n; i++)
                if (text_equal(a->pool->suppress_paths.items[i].value, r->uri))
                        return true;
        return false;
}

/* The line, or with access.log = journal the entry. False: out of memory. */
static bool access_render(const struct access *a, const struct log_access_record *r, struct text *out) {
        _cleanup_text_ struct text line = {};

        if (a->out.cut)
                text_append_c(out, '\n');
        log_access_render(a->format, r, a->out.journal ? &line : out);
        if (!a->out.journal || line.failed)
                return !out->failed && !line.failed;
        line.data[--line.n] = '\0'; /* its newline */
        return log_journal_format(log_identity(), a->pool->name,
                                  &(struct log_entry){ .level = LOG_LEVEL_NOTICE,
                                                       .message = line.data,
                                                       .method = r->method,
                                                       .uri = r->uri,
                                                       .script = r->script,
                                                       .worker_pid = (uint64_t)r->pid },
                                  out) == 0;
}

/* The request's line so far; nothing when access.suppress_path says so. False: out of memory. */
static bool access_make(struct access *a, uint32_t status, uint64_t memory, struct text *ret_line) {
        const struct track_request *request = a->request;
        struct log_access_record r = {
                .pool = a->pool->name, .status = status, .memory = memory, .pid = a->pid, .parent_pid = a->parent_pid
        };
        size_t method, query;

        if (!a->collected) { /* PHP had no part in it */
                access_collect(a);
                a->uri = access_keep(a, request->uri, request->n_uri);
        }
        method = request->n_method > 0 ? access_keep(a, request->method, request->n_method) : 0;
        query = access_keep(a, request->query, request->n_query);
        if (a->kept.failed || a->looked_up.failed)
                return false;

        r.method = access_kept(a, method);
        r.query = access_kept(a, query);
        r.uri = access_kept(a, a->uri);
        r.script = access_kept(a, a->script);
        r.user = access_kept(a, a->user);
        r.remote = access_kept(a, a->remote);
        r.looked_up = a->looked_up.n > 0 ? a->looked_up.data : NULL;
        r.content_length = request->content_length;
        r.begun_wall = a->begun_wall;
        r.ended_wall = time_wall();
        r.duration = time_now() - a->begun;
        if (log_access_format_shows_cpu(a->format)) {
                access_read_cpu(&r.user_cpu, &r.system_cpu);
                r.user_cpu -= a->user_cpu;
                r.system_cpu -= a->system_cpu;
        }
        return access_is_suppressed(a, &r) || access_render(a, &r, ret_line);
}

void access_end(struct access *a, uint32_t status, uint64_t memory) {
        _cleanup_text_ struct text line = {};

        if (!a->format || !a->request || a->written || setup_is_copy())
                return;
        a->written = true;
        if (!access_make(a, status, memory, &line))
                log_out_lose(LOG_KIND_ACCESS);
        else {
                a->writes = line.n > 0;
                a->has_last = false;
                if (a->writes)
                        (void)log_out_write(&a->out, line.data, line.n);
                a->writes = false;
        }
}

/* PHP goes on, and may be ended before it is through: what could be said then is made ready. */
static void access_prepare(struct access *a, const struct sapi_facts *facts) {
        if (!a->request || a->written || setup_is_copy())
                return;
        text_done(&a->last);
        a->last = (struct text){};
        a->has_last = access_make(a, facts->status, facts->memory, &a->last) && a->last.n > 0;
}

void access_last_words(struct access *a) {
        if (a->has_last)
                (void)log_out_write_last(&a->out, a->last.data, a->last.n);
        else if (a->writes)
                log_out_lose(LOG_KIND_ACCESS); /* half of it may be out, and the process ends */
        a->has_last = a->writes = false;
}

void access_reply_ends(struct access *a, bool php_goes_on) {
        struct sapi_facts facts;

        if (!a->format)
                return;
        access_collect(a);
        sapi_facts_get(&facts);
        if (php_goes_on)
                access_prepare(a, &facts);
        else
                access_end(a, facts.status, facts.memory);
}
