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

/* Without a process, and in no list: kept for its settings, which have been checked as far as they can be without PHP.
 * For generation_free(). 0 or -errno. */
int start_keep(struct pool *p, const struct start_settings *settings, struct generation **ret);

/* Begins one: it is p->starting, and gets its zygote when its turn has come. replacement: of one that has ended, sleeps
 * or did not start. 0 or -errno. */
int start_generation(struct pool *p, const struct start_settings *settings, bool replacement);

/* Starts the zygote of p->starting, if its turn has come. */
void start_in_turn(struct pool *p);

/* One that sleeps, checked as one that starts is as far as it can be without PHP, and in no list: for
 * start_lay_down(), or generation_free(). 0 or -errno. */
int start_prepare(struct pool *p, const struct start_settings *settings, struct generation **ret);

/* That one becomes the current generation, whatever the pool is at; every other one is told to drain. */
void start_lay_down(struct pool *p, struct generation *g);

/* Both at once. */
int start_asleep(struct pool *p, const struct start_settings *settings);

/* PHP has started, or has other settings. */
void start_forget_failures(struct pool *p);

/* Nothing is left to renew, or nothing is to be renewed. */
void start_forget_renewal(struct pool *p);

/* The starting generation becomes the current one; every other one is told to drain. */
void start_promote(struct pool *p);
