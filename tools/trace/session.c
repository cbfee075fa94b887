/* SPDX-License-Identifier: MIT */
/*
 * libbpf's side of fpmtrace. Each probe is attached with process -1, so that the kernel puts it into every process that
 * maps the file, now or later, and raises the probe's semaphore there. Both are undone when the links are closed, or by
 * the kernel when fpmtrace dies: nothing of it stays in a worker.
 */

#include "session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fpmtrace.skel.h"

struct trace_session {
        struct fpmtrace *skel;
        struct ring_buffer *ring;
        struct bpf_link **links;
        size_t n_links;
        usec_t start;
        trace_event_fn event_fn; /* during trace_session_events() */
        void *event_ctx;
};

/* libbpf says why something failed in words only, to a callback without context: the last warning is kept for the
 * reason. */
static char libbpf_warning[256];
static bool libbpf_verbose;

_printf_(2, 0) static int session_libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap) {
        char line[sizeof(libbpf_warning)];

        if (level == LIBBPF_DEBUG)
                return 0;
        vsnprintf(line, sizeof(line), fmt, ap);
        line[strcspn(line, "\n")] = '\0';
        if (level == LIBBPF_WARN)
                memcpy(libbpf_warning, line, sizeof(line));
        if (libbpf_verbose)
                fprintf(stderr, "%s\n", line);
        return 0;
}

static int session_events_forward(void *ctx, void *data, size_t n) {
        struct trace_session *s = ctx;

        return s->event_fn(s->event_ctx, data, n);
}

/* Map creation and loading alike end here; errno alone tells little. */
static int session_load(struct trace_session *s, struct text *reason) {
        int r = fpmtrace__load(s->skel);

        if (r == -EPERM || r == -EACCES)
                text_printf(
                        reason,
                        "the kernel refuses BPF programs to this process (lockdown, a container, a seccomp filter?)");
        else if (r < 0)
                text_printf(reason, "the kernel does not take the BPF programs (6.0 or later is needed): %s",
                            libbpf_warning[0] ? libbpf_warning : strerror(-r));
        return r;
}

static int session_open_ring(struct trace_session *s, struct text *reason) {
        s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.events), session_events_forward, s, NULL);
        if (s->ring)
                return 0;
        text_printf(reason, "cannot read the ring buffer: %s", strerror(errno));
        return -errno;
}

int trace_session_open(const struct trace_filter *filter, bool verbose, struct trace_session **ret,
                       struct text *reason) {
        _cleanup_session_ struct trace_session *s = NULL;
        int r;

        libbpf_verbose = verbose;
        libbpf_set_print(session_libbpf_print);
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->skel = fpmtrace__open();
        if (!s->skel) {
                text_printf(reason, "cannot read the BPF object: %s", strerror(errno));
                return -errno;
        }
        memcpy((void *)&s->skel->rodata->filter, filter, sizeof(*filter));
        /* By flag, not by section name: libbpf 1.1 has no "usdt.s". */
        bpf_program__set_flags(s->skel->progs.trace_stage, BPF_F_SLEEPABLE);
        bpf_program__set_flags(s->skel->progs.trace_start, BPF_F_SLEEPABLE);
        bpf_program__set_flags(s->skel->progs.trace_done, BPF_F_SLEEPABLE);
        bpf_program__set_autoload(s->skel->progs.trace_start, filter->follow);

        r = session_load(s, reason);
        if (r < 0)
                return r;
        if (filter->follow) {
                r = session_open_ring(s, reason);
                if (r < 0)
                        return r;
        }
        s->start = time_now();
        *ret = TAKE_PTR(s);
        return 0;
}

struct trace_session *trace_session_free(struct trace_session *s) {
        if (!s)
                return NULL;
        trace_session_detach(s);
        ring_buffer__free(s->ring);
        fpmtrace__destroy(s->skel);
        free(s->links);
        free(s);
        return NULL;
}

static void session_detach_from(struct trace_session *s, size_t first) {
        while (s->n_links > first)
                bpf_link__destroy(s->links[--s->n_links]);
}

void trace_session_detach(struct trace_session *s) {
        session_detach_from(s, 0);
}

static int session_attach_probe(struct trace_session *s, struct bpf_program *program, const char *path,
                                const char *probe) {
        struct bpf_link **links, *link;

        links = reallocarray(s->links, s->n_links + 1, sizeof(*links));
        if (!links)
                return -ENOMEM;
        s->links = links;
        link = bpf_program__attach_usdt(program, -1, path, "fpmd", probe, NULL);
        if (!link)
                return -errno;
        s->links[s->n_links++] = link;
        return 0;
}

static void session_explain_attach(const struct trace_target *target, int r, struct text *reason) {
        if (r == -ENOENT)
                text_printf(reason, "%s has no probes of fpmd (built without sys/sdt.h?)", target->name);
        else if (r == -EPERM || r == -EACCES)
                text_printf(reason, "%s: the kernel wants CAP_SYS_ADMIN for uprobes: run it as root", target->name);
        else
                text_printf(reason, "%s: cannot attach: %s", target->name,
                            libbpf_warning[0] ? libbpf_warning : strerror(-r));
}

/* The one that counts comes last: when it is in place, so are the others. */
int trace_session_attach(struct trace_session *s, const struct trace_target *target, struct text *reason) {
        size_t before = s->n_links;
        char path[64];
        int r;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", target->fd);
        libbpf_warning[0] = '\0';
        r = session_attach_probe(s, s->skel->progs.trace_done, path, "request_done");
        if (r == 0 && s->ring)
                r = session_attach_probe(s, s->skel->progs.trace_start, path, "request_start");
        if (r == 0)
                r = session_attach_probe(s, s->skel->progs.trace_stage, path, "request_stage");
        if (r < 0) {
                session_detach_from(s, before);
                session_explain_attach(target, r, reason);
        }
        return r;
}

static int session_read_counts(struct trace_session *s, struct trace_snapshot *snapshot) {
        int fd = bpf_map__fd(s->skel->maps.counts), r;
        struct trace_count_key key, *previous = NULL;
        uint64_t n;

        while (bpf_map_get_next_key(fd, previous, &key) == 0) {
                previous = &key;
                if (bpf_map_lookup_elem(fd, &key, &n) < 0)
                        return -errno;
                r = trace_snapshot_add_count(snapshot, &key, n);
                if (r < 0)
                        return r;
        }
        return errno == ENOENT ? 0 : -errno;
}

static int session_read_hists(struct trace_session *s, struct trace_snapshot *snapshot) {
        int fd = bpf_map__fd(s->skel->maps.hists), r;
        struct trace_hist_key key, *previous = NULL;
        struct trace_hist h;

        while (bpf_map_get_next_key(fd, previous, &key) == 0) {
                previous = &key;
                if (bpf_map_lookup_elem(fd, &key, &h) < 0)
                        return -errno;
                r = trace_snapshot_add_hist(snapshot, &key, &h);
                if (r < 0)
                        return r;
        }
        return errno == ENOENT ? 0 : -errno;
}

int trace_session_read(struct trace_session *s, struct trace_snapshot **ret) {
        _cleanup_snapshot_ struct trace_snapshot *snapshot = trace_snapshot_new();
        int r;

        if (!snapshot)
                return -ENOMEM;
        snapshot->elapsed = time_now() - s->start;
        snapshot->lost = s->skel->bss->lost;
        r = session_read_counts(s, snapshot);
        if (r < 0)
                return r;
        r = session_read_hists(s, snapshot);
        if (r < 0)
                return r;
        trace_snapshot_sort(snapshot);
        *ret = TAKE_PTR(snapshot);
        return 0;
}

int trace_session_events_fd(const struct trace_session *s) {
        return s->ring ? ring_buffer__epoll_fd(s->ring) : -1;
}

int trace_session_events(struct trace_session *s, trace_event_fn fn, void *ctx) {
        if (!s->ring)
                return 0;
        s->event_fn = fn;
        s->event_ctx = ctx;
        return ring_buffer__consume(s->ring);
}
