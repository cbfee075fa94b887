/* SPDX-License-Identifier: MIT */
#pragma once
/* The timer of once a second. */

#include "master/state.h"

/* 0 or -errno. */
int tick_attach(struct master *m);
