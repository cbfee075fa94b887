/* SPDX-License-Identifier: MIT */
#pragma once
/* The loaded BPF object and what it is attached to. */

#include "base/text.h"
#include "snapshot.h"
#include "targets.h"
#include "trace.h"

struct trace_session;

/* Called for each event of the ring, in order; negative stops the reading. */
typedef int (*trace_event_fn)(void *ctx, void *data, size_t n);

/* Whether this process on this kernel can trace at all. 0, or -EPERM / -EOPNOTSUPP with a sentence for the user in
 * *reason. */
int trace_system_check(struct text *reason);

/* Whether the binaries of other users' processes can be seen (CAP_SYS_PTRACE). */
bool trace_system_sees_others(void);

/* Loads the programs. On failure *reason says why. 0 or -errno. verbose: libbpf's messages go to stderr. */
int trace_session_open(const struct trace_filter *filter, bool verbose, struct trace_session **ret,
                       struct text *reason);

/* Detaches and unloads. */
struct trace_session *trace_session_free(struct trace_session *s);
DEFINE_CLEANUP(struct trace_session *, trace_session_free)
#define _cleanup_session_ _cleanup_(trace_session_freep)

/* Attaches to all processes, present and future, that run the binary. 0; -ENOENT (it has no probes), other -errno, with
 * a sentence in *reason. */
int trace_session_attach(struct trace_session *s, const struct trace_target *target, struct text *reason);

/* Detaches; what was counted can still be read, and does not change any more. */
void trace_session_detach(struct trace_session *s);

/* A reading. 0 or -errno. */
int trace_session_read(struct trace_session *s, struct trace_snapshot **ret);

/* A descriptor that is readable when events wait, and the reading of them all: their number or -errno. -1 and 0 without
 * filter.follow. */
int trace_session_events_fd(const struct trace_session *s);
int trace_session_events(struct trace_session *s, trace_event_fn fn, void *ctx);
