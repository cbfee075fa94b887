/* SPDX-License-Identifier: MIT */
#pragma once
/* What is done once a second. */

#include "master/state.h"

/* 0 or -errno. */
int tick_attach(struct master *m);
