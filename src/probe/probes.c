/* SPDX-License-Identifier: MIT */
/* The semaphores of probes.h, in the section where tracers look for them. */

#include "probe/probes.h"

#if HAVE_SDT
#define PROBE_SEMAPHORE(name)                                                                                          \
        unsigned short fpmd_##name##_semaphore __attribute__((__section__(".probes"), __visibility__("hidden")))

PROBE_SEMAPHORE(request_stage);
PROBE_SEMAPHORE(request_start);
PROBE_SEMAPHORE(request_done);
PROBE_SEMAPHORE(park_take);
PROBE_SEMAPHORE(park_offer);
#else
typedef int probe_no_empty_translation_unit;
#endif
