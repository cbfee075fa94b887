/* SPDX-License-Identifier: MIT */
#pragma once
/* How connections come into the park. */

#include "park/park.h"

/* The intake can be read: takes some of what is there. */
void intake_on_event(struct park *park);

/* The connection that a message is about, its bytes in park->buf. Takes over fd. */
void intake_add(struct park *park, const struct handover *note, int fd);
/* The same of one that nobody has handed over. */
void intake_take(struct park *park, const struct handover *note, int fd);

/* Who may connect where the park takes connections itself. 0 or -ENOMEM. */
int intake_allow(const struct park *park, struct allow *ret);

/* Another park takes what comes from now on. The master, when it was not its wish, starts that one now. */
void intake_leave(struct park *park);

/* What workers have sent at the last moment; then they can send no more. False: nothing of it stays. */
bool intake_take_last(struct park *park);

/* No more come in. */
void intake_close(struct park *park);
