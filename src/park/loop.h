/* SPDX-License-Identifier: MIT */
#pragma once

#include "park/park.h"

/* 0 or -errno. */
int park_init(struct park *park);

/* Until there is nothing left to do. 0 or -errno. */
int park_run(struct park *park);

/* The pool stops. */
void park_finish(struct park *park);

/* Something has happened to a connection that is watched. */
void park_on_connection(struct park *park, struct connection *c);
