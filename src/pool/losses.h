/* SPDX-License-Identifier: MIT */
#pragma once
/* Log entries that a pool's processes have lost, told by the master. */

#include <stdbool.h>
#include <stdint.h>

#include "pool/picture.h"

/* Looks, and says what there is to say. last: the pool ends. */
void losses_look(struct pool *p, bool last);
