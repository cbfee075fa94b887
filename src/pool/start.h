/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool's next generation. */

#include "pool/picture.h"

/* What a generation is started with: settings as conf_pool_pack() has them, which are copied, and listeners. */
struct start_settings {
        const char *packed;
        size_t n_packed;
        struct pool_listeners listeners;
};

/* Starts one: it is p->starting. replacement: of one that has ended or did not start. 0 or -errno. */
int start_generation(struct pool *p, const struct start_settings *settings, bool replacement);

/* The starting generation becomes the current one; every other one is told to drain. */
void start_promote(struct pool *p);
