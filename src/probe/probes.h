/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one list of USDT probes, provider "fpmd". Each is a nop, and its arguments are not computed, until somebody
 * attaches: every probe has a semaphore, which tracers raise. In the fpmd-zygote binary (workers are its forks):
 *
 *   request_stage  (const char *pool, uint32 worker, uint64 request id, uint32 old stage, uint32 new stage, uint64
 *                  monotonic ns)
 *   request_start  (const char *pool, uint32 worker, uint64 request id, const char *method, const char *uri [personal],
 *                  const char *script [personal])
 *   request_done   (const char *pool, uint32 worker, uint64 request id, uint32 status, uint64 duration ns, uint64 reply
 *                  bytes)
 *
 * And in the fpmd-park binary:
 *
 *   park_take      (const char *pool, uint32 connections there, this one included, uint32 bytes of a request, uint32
 *                  bytes of a reply)
 *   park_offer     (const char *pool, uint32 connections there, this one included, uint32 bytes of its request, uint64
 *                  ns it was there)
 *
 * park_take: a connection has come from a worker, with so many bytes. park_offer: it goes back to whichever worker is
 * free.
 *
 * worker: the process id as the worker itself, the log and the status pages have it (a tracer outside its pid namespace
 * sees another). Stage numbers are those of scoreboard/stages.h. [personal]: may hold personal data; fpmtrace prints it
 * only when asked.
 *
 *     if (PROBE_ENABLED(request_stage))
 *             PROBE_REQUEST_STAGE(pool, pid, id, old, new, time_read_nsec(CLOCK_MONOTONIC));
 *
 * The macros cast: the widths above are what the notes in the binary say, whatever the caller's variables are. Strings
 * may not be NULL.
 */

#include <stdint.h>

#include "config.h"

#if HAVE_SDT
#define _SDT_HAS_SEMAPHORES 1
/* Constants and registers only. The default also allows memory operands, and libbpf cannot read all forms of those
 * (relative to the program counter, with an index register): whether a tracer works would depend on the optimiser's
 * mood. */
#ifndef STAP_SDT_ARG_CONSTRAINT
#define STAP_SDT_ARG_CONSTRAINT nr
#endif
#include <sys/sdt.h>

extern unsigned short fpmd_request_stage_semaphore __attribute__((__visibility__("hidden")));
extern unsigned short fpmd_request_start_semaphore __attribute__((__visibility__("hidden")));
extern unsigned short fpmd_request_done_semaphore __attribute__((__visibility__("hidden")));
extern unsigned short fpmd_park_take_semaphore __attribute__((__visibility__("hidden")));
extern unsigned short fpmd_park_offer_semaphore __attribute__((__visibility__("hidden")));

#define PROBE_ENABLED(name)             __builtin_expect(*(volatile unsigned short *)&fpmd_##name##_semaphore, 0)
#define _PROBE4(name, a, b, c, d)       STAP_PROBE4(fpmd, name, a, b, c, d)
#define _PROBE6(name, a, b, c, d, e, f) STAP_PROBE6(fpmd, name, a, b, c, d, e, f)
#else
#define PROBE_ENABLED(name)             0
#define _PROBE4(name, a, b, c, d)       ((void)(a), (void)(b), (void)(c), (void)(d))
#define _PROBE6(name, a, b, c, d, e, f) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e), (void)(f))
#endif

#define PROBE_REQUEST_STAGE(pool, worker, id, old, new, ns)                                                            \
        _PROBE6(request_stage, (const char *)(pool), (uint32_t)(worker), (uint64_t)(id), (uint32_t)(old),              \
                (uint32_t)(new), (uint64_t)(ns))
#define PROBE_REQUEST_START(pool, worker, id, method, uri, script)                                                     \
        _PROBE6(request_start, (const char *)(pool), (uint32_t)(worker), (uint64_t)(id), (const char *)(method),       \
                (const char *)(uri), (const char *)(script))
#define PROBE_REQUEST_DONE(pool, worker, id, status, ns, bytes)                                                        \
        _PROBE6(request_done, (const char *)(pool), (uint32_t)(worker), (uint64_t)(id), (uint32_t)(status),            \
                (uint64_t)(ns), (uint64_t)(bytes))
#define PROBE_PARK_TAKE(pool, n, n_in, n_out)                                                                          \
        _PROBE4(park_take, (const char *)(pool), (uint32_t)(n), (uint32_t)(n_in), (uint32_t)(n_out))
#define PROBE_PARK_OFFER(pool, n, n_in, ns)                                                                            \
        _PROBE4(park_offer, (const char *)(pool), (uint32_t)(n), (uint32_t)(n_in), (uint64_t)(ns))
