/* SPDX-License-Identifier: MIT */
#pragma once
/* A generation's number of workers. */

#include "pool/picture.h"

/* Brings it to what is needed now. When it is to be called again. */
usec_t resize_generation(struct generation *g, usec_t now);

/* For other pools (budget.h): its last idle worker is told to end. False: there is none. */
bool resize_give_up_one(struct generation *g, usec_t now);

/* Workers that were told to end, and are about to. */
unsigned resize_count_leaving(const struct generation *g, usec_t now);

/* Kills workers that were told to end as they are not needed, and idle on. When it is to be called again. */
usec_t resize_cut_leaving(struct generation *g, usec_t now);
