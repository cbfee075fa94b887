/* SPDX-License-Identifier: MIT */
#pragma once
/* Signals of the master. */

#include "master/state.h"

/* 0 or -errno. */
int signal_attach(struct master *m);
