/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the BPF program and fpmtrace share: keys, events, the histogram's shape. Compiled by clang for both sides (and
 * by gcc for one of them), so it keeps to the kernel's integer types and to structs without padding: keys are compared
 * as bytes.
 */

#include <linux/types.h>

#define TRACE_POOL_MAX   64 /* as SCOREBOARD_POOL_MAX */
#define TRACE_METHOD_MAX 16
#define TRACE_URI_MAX    256
#define TRACE_SCRIPT_MAX 256
#define TRACE_STAGES     16 /* more than there are: stages of newer builds are counted too, under their number */

#define TRACE_STAGE_CREATING 1 /* as STAGE_CREATING: a worker's first, and never again */

/* Pools times what one pool needs; a machine with more loses counts, and is told so. */
#define TRACE_COUNTS_MAX  8192
#define TRACE_HISTS_MAX   2048
#define TRACE_WORKERS_MAX 32768

/* Log2-linear: every power of two of nanoseconds is cut into TRACE_HIST_STEPS equal buckets, so a bucket is at most 1/8
 * of its value wide. The last one takes everything from 3 days on. */
#define TRACE_HIST_BITS    3
#define TRACE_HIST_STEPS   (1U << TRACE_HIST_BITS)
#define TRACE_HIST_BUCKETS 376U

struct trace_count_key {
        char pool[TRACE_POOL_MAX];
        __u32 from;
        __u32 to;
};

/* Time spent in a stage. Stage 0, which no worker is ever in, stands for the whole of a request. */
struct trace_hist_key {
        char pool[TRACE_POOL_MAX];
        __u32 stage;
        __u32 zero;
};

struct trace_hist {
        __u64 n;
        __u64 sum; /* ns */
        __u64 max; /* ns */
        __u64 buckets[TRACE_HIST_BUCKETS];
};

struct trace_since {
        __u64 ns;      /* when the worker came into its stage; 0: not seen yet */
        __u64 started; /* the last request of each probe, by number (they start from 1) */
        __u64 done;
        __u32 stage;
        __u32 zero;
};

/* Set before loading; constants for the verifier. */
struct trace_filter {
        char pool[TRACE_POOL_MAX]; /* zero-padded; empty: every pool */
        __u32 pid;                 /* this process or a descendant of it; 0: every process */
        __u32 pid_namespace;       /* in which it has that id: the inode of /proc/self/ns/pid */
        __u8 follow;
        __u8 personal;
        __u8 zero[2];
};

/* Transitions (and histories of them) that could not be kept, since a map was full. */
struct trace_lost {
        __u64 events;  /* of --follow: the ring was full */
        __u64 counts;  /* transitions missing from the counts */
        __u64 samples; /* durations missing from the histograms */
};

enum trace_kind {
        TRACE_KIND_STAGE = 1,
        TRACE_KIND_START,
        TRACE_KIND_DONE,
};

struct trace_event {
        __u32 kind;
        __u32 worker; /* as the worker sees itself */
        __u64 request;
        __u64 ns;       /* CLOCK_MONOTONIC */
        __u64 duration; /* ns; STAGE: in the stage left (0: unknown), DONE: of the request */
        __u64 bytes;    /* DONE */
        __u32 from;     /* STAGE */
        __u32 to;       /* STAGE */
        __u32 status;   /* DONE */
        __u32 zero;
        char pool[TRACE_POOL_MAX];
};

struct trace_event_start {
        struct trace_event event;
        char method[TRACE_METHOD_MAX];
        char uri[TRACE_URI_MAX];       /* empty unless filter.personal */
        char script[TRACE_SCRIPT_MAX]; /* likewise */
};

/* The bucket of a duration. The ladder instead of a count-leading-zeros builtin: BPF has no such instruction. */
static inline __attribute__((__always_inline__)) __u32 trace_hist_bucket(__u64 ns) {
        __u32 e = 0, i;
        __u64 v = ns;

        if (v < TRACE_HIST_STEPS)
                return (__u32)v;
        for (i = 32; i > 0; i >>= 1)
                if (v >> i) {
                        v >>= i;
                        e += i;
                }
        i = (e - TRACE_HIST_BITS + 1) * TRACE_HIST_STEPS +
            (__u32)((ns >> (e - TRACE_HIST_BITS)) & (TRACE_HIST_STEPS - 1));
        return i < TRACE_HIST_BUCKETS ? i : TRACE_HIST_BUCKETS - 1;
}
