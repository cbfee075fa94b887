/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The kernel side of fpmtrace: three programs on the probes of src/probe/probes.h, which count transitions, measure the
 * time between them and, for --follow, pass them on.
 *
 * Counts are exact, and this is what they rest on:
 *  - They are sums made here by atomic adds, not events sent to user space: a full ring loses lines of --follow only.
 *  - Atomic even though maps of one value per CPU exist: these programs can be preempted, and two workers that take
 * turns on one CPU in the middle of an add would lose one.
 *  - The programs may sleep: a string that is not in memory (a fork's page tables start out without file and shared
 *    mappings) is fetched instead of being missed.
 *
 * No vmlinux.h: the fields below are relocated by name (CO-RE), everything else is helpers and own structs.
 */

#include <stdbool.h>

#include <linux/types.h>

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "trace.h"

#define RING_BYTES (1U << 20)
#define ANCESTORS  3  /* worker, zygote, master, and whoever started that one */
#define PID_LEVELS 33 /* the kernel's MAX_PID_NS_LEVEL, and the first */

char _license[] SEC("license") = "Dual MIT/GPL";

struct ns_common {
        unsigned int inum;
} __attribute__((preserve_access_index));

struct pid_namespace {
        struct ns_common ns;
} __attribute__((preserve_access_index));

struct upid {
        int nr;
        struct pid_namespace *ns;
} __attribute__((preserve_access_index));

struct pid {
        unsigned int level;
        struct upid numbers[1];
} __attribute__((preserve_access_index));

struct task_struct {
        struct task_struct *real_parent;
        struct task_struct *group_leader;
        struct pid *thread_pid;
} __attribute__((preserve_access_index));

const volatile struct trace_filter filter = {};
struct trace_lost lost = {};

/* New map entries start from this: the real thing is too large for a BPF stack. */
static const struct trace_hist hist_zero = {};

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, TRACE_COUNTS_MAX);
        __type(key, struct trace_count_key);
        __type(value, __u64);
} counts SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, TRACE_HISTS_MAX);
        __type(key, struct trace_hist_key);
        __type(value, struct trace_hist);
} hists SEC(".maps");

/* By process id. LRU: entries of workers that are gone make room by themselves. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, TRACE_WORKERS_MAX);
        __type(key, __u32);
        __type(value, struct trace_since);
} since SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, RING_BYTES);
} events SEC(".maps");

static __always_inline __u32 current_pid(void) {
        return (__u32)(bpf_get_current_pid_tgid() >> 32);
}

/* A string of the traced process into dst, zero-padded by the caller. */
static __always_inline void read_string(char *dst, __u32 size, const char *src) {
        char c;

        if (bpf_probe_read_user_str(dst, size, src) >= 0)
                return;
        /* Not in memory: touch its first byte and, since it may cross into the next page, where its last could be. */
        bpf_copy_from_user(&c, 1, src);
        bpf_copy_from_user(&c, 1, src + size - 1);
        if (bpf_probe_read_user_str(dst, size, src) < 0)
                dst[0] = '?';
}

/* The process's id as fpmtrace sees it: a process has one in its own pid namespace and in each above it. 0: it is not
 * in fpmtrace's, nor below that. */
static __always_inline __u32 pid_of(struct task_struct *task) {
        struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
        struct upid *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
        unsigned int level = BPF_CORE_READ(pid, level), i;

        for (i = 0; i < PID_LEVELS && i <= level; i++) {
                struct upid *u = (void *)numbers + i * bpf_core_type_size(struct upid);

                if (BPF_CORE_READ(u, ns, ns.inum) == filter.pid_namespace)
                        return (__u32)BPF_CORE_READ(u, nr);
        }
        return 0;
}

static __always_inline int process_wanted(void) {
        struct task_struct *task;
        int i;

        if (!filter.pid)
                return 1;
        task = (struct task_struct *)bpf_get_current_task();
        for (i = 0; i <= ANCESTORS; i++) {
                if (pid_of(task) == filter.pid)
                        return 1;
                task = BPF_CORE_READ(task, real_parent);
        }
        return 0;
}

/* Reads the pool's name into a zeroed field, and says whether the probe counts. */
static __always_inline int pool_wanted(char *pool, const char *src) {
        int i;

        if (!process_wanted())
                return 0;
        read_string(pool, TRACE_POOL_MAX, src);
        if (!filter.pool[0])
                return 1;
        for (i = 0; i < TRACE_POOL_MAX; i++) {
                if (pool[i] != filter.pool[i])
                        return 0;
                if (!pool[i])
                        break;
        }
        return 1;
}

static __always_inline void count_transition(const struct trace_count_key *key) {
        __u64 zero = 0, *n;

        n = bpf_map_lookup_elem(&counts, key);
        if (!n) {
                /* Two workers may come here at once: the second finds the entry there, which is as good. */
                bpf_map_update_elem(&counts, key, &zero, BPF_NOEXIST);
                n = bpf_map_lookup_elem(&counts, key);
        }
        if (n)
                __sync_fetch_and_add(n, 1);
        else
                __sync_fetch_and_add(&lost.counts, 1);
}

static __always_inline void record_duration(const struct trace_hist_key *key, __u64 ns) {
        struct trace_hist *h;
        __u32 i;

        h = bpf_map_lookup_elem(&hists, key);
        if (!h) {
                bpf_map_update_elem(&hists, key, &hist_zero, BPF_NOEXIST);
                h = bpf_map_lookup_elem(&hists, key);
        }
        if (!h) {
                __sync_fetch_and_add(&lost.samples, 1);
                return;
        }
        i = trace_hist_bucket(ns);
        if (i >= TRACE_HIST_BUCKETS) /* never; the verifier wants to see it */
                return;
        __sync_fetch_and_add(&h->buckets[i], 1);
        __sync_fetch_and_add(&h->n, 1);
        __sync_fetch_and_add(&h->sum, ns);
        if (ns > h->max) /* a rare race here costs a maximum its last digits, never a count */
                h->max = ns;
}

/* What is known of the current worker; NULL when there is no room. */
static __always_inline struct trace_since *worker_state(void) {
        struct trace_since first = {};
        __u32 pid = current_pid();
        struct trace_since *s;

        s = bpf_map_lookup_elem(&since, &pid);
        if (s)
                return s;
        bpf_map_update_elem(&since, &pid, &first, BPF_NOEXIST);
        return bpf_map_lookup_elem(&since, &pid);
}

/*
 * Notes that the worker is in stage `to` from now on. *ret: how long it was in the one before, or 0 when its coming was
 * not seen. False when this transition has been here already: containers of one image have one file under several
 * overlays, which nobody can tell from several files, so that each of its probes is attached, and fires, once per
 * overlay.
 */
static __always_inline bool stage_changed(__u32 from, __u32 to, __u64 now, __u64 *ret) {
        struct trace_since *s = worker_state();

        *ret = 0;
        if (!s)
                return true;
        if (s->ns == now && s->stage == to)
                return false;
        if (from == TRACE_STAGE_CREATING) /* a new worker, perhaps with the number of one that is gone */
                s->started = s->done = 0;
        if (s->ns > 0 && s->stage == from && now > s->ns)
                *ret = now - s->ns;
        s->ns = now;
        s->stage = to;
        return true;
}

/* True the first time only, as above. */
static __always_inline bool request_once(__u64 *last, __u64 request) {
        if (*last == request)
                return false;
        *last = request;
        return true;
}

static __always_inline void *event_reserve(__u64 size) {
        void *e = bpf_ringbuf_reserve(&events, size, 0);

        if (!e)
                __sync_fetch_and_add(&lost.events, 1);
        return e;
}

static __always_inline void copy_pool(char *dst, const char *src) {
        __builtin_memcpy(dst, src, TRACE_POOL_MAX);
}

SEC("usdt")
int BPF_USDT(trace_stage, const char *pool, __u32 worker, __u64 request, __u32 from, __u32 to, __u64 now) {
        struct trace_count_key key = { .from = from, .to = to };
        struct trace_hist_key left = { .stage = from };
        struct trace_event *e;
        __u64 ns;

        if (!pool_wanted(key.pool, pool))
                return 0;
        if (!stage_changed(from, to, now, &ns))
                return 0;
        count_transition(&key);
        if (ns > 0) {
                copy_pool(left.pool, key.pool);
                record_duration(&left, ns);
        }
        if (!filter.follow)
                return 0;

        e = event_reserve(sizeof(*e));
        if (!e)
                return 0;
        *e = (struct trace_event){
                .kind = TRACE_KIND_STAGE,
                .worker = worker,
                .request = request,
                .ns = now,
                .duration = ns,
                .from = from,
                .to = to,
        };
        copy_pool(e->pool, key.pool);
        bpf_ringbuf_submit(e, 0);
        return 0;
}

/* Attached for --follow only. */
SEC("usdt")
int BPF_USDT(trace_start, const char *pool, __u32 worker, __u64 request, const char *method, const char *uri,
             const char *script) {
        char name[TRACE_POOL_MAX] = {};
        struct trace_event_start *e;
        struct trace_since *s;

        if (!pool_wanted(name, pool))
                return 0;
        s = worker_state();
        if (s && !request_once(&s->started, request))
                return 0;
        e = event_reserve(sizeof(*e));
        if (!e)
                return 0;
        e->event = (struct trace_event){
                .kind = TRACE_KIND_START,
                .worker = worker,
                .request = request,
                .ns = bpf_ktime_get_ns(),
        };
        copy_pool(e->event.pool, name);
        __builtin_memset(e->method, 0, sizeof(e->method));
        read_string(e->method, sizeof(e->method), method);
        e->uri[0] = '\0';
        e->script[0] = '\0';
        if (filter.personal) {
                read_string(e->uri, sizeof(e->uri), uri);
                read_string(e->script, sizeof(e->script), script);
        }
        bpf_ringbuf_submit(e, 0);
        return 0;
}

SEC("usdt")
int BPF_USDT(trace_done, const char *pool, __u32 worker, __u64 request, __u32 status, __u64 duration, __u64 bytes) {
        struct trace_hist_key key = {};
        struct trace_event *e;
        struct trace_since *s;

        if (!pool_wanted(key.pool, pool))
                return 0;
        s = worker_state();
        if (s && !request_once(&s->done, request))
                return 0;
        record_duration(&key, duration);
        if (!filter.follow)
                return 0;

        e = event_reserve(sizeof(*e));
        if (!e)
                return 0;
        *e = (struct trace_event){
                .kind = TRACE_KIND_DONE,
                .worker = worker,
                .request = request,
                .ns = bpf_ktime_get_ns(),
                .duration = duration,
                .bytes = bytes,
                .status = status,
        };
        copy_pool(e->pool, key.pool);
        bpf_ringbuf_submit(e, 0);
        return 0;
}
