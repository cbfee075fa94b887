/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * pm.max_children = auto: how many workers a pool may have, from memory. A pure decision: what there is for the pool by
 * what a worker takes and a fifth more, between what the CPUs can use and a ceiling.
 */

#include <stdbool.h>
#include <stdint.h>

struct capacity_input {
        uint64_t room;    /* bytes: nobody's, and may be used */
        uint64_t held;    /* bytes that workers of such pools hold already */
        unsigned n_pools; /* that have it: each gets an equal part */
        uint64_t need;    /* bytes that a worker takes, as measured; 0: none has been yet */
        unsigned n_cpus;
        unsigned limit; /* that is in force; 0: none yet */
};

struct capacity {
        uint64_t memory; /* bytes: what there is for this pool */
        uint64_t need;   /* bytes: what a worker is taken for */
        unsigned limit;
        bool changed; /* the limit is to be another one */
};

void capacity_plan(const struct capacity_input *in, struct capacity *ret);

/* The most and the least that it comes to on a machine with so many CPUs. */
unsigned capacity_ceiling(unsigned n_cpus);
unsigned capacity_floor(unsigned n_cpus);

/* A worker's, before any has been measured. */
#define CAPACITY_NEED_FIRST (UINT64_C(64) << 20)

/* Workers for each CPU at most: those that wait for a database take none, but more than these would be in each other's
 * way. */
#define CAPACITY_PER_CPU 64U

/* A new number is worth a change when it differs from the old one by this part of it. */
#define CAPACITY_HYSTERESIS 5U
