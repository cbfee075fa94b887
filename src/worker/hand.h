/* SPDX-License-Identifier: MIT */
#pragma once
/* What becomes of the connection that a worker has in hand, when it is not served: it has one at most. */

#include <stdbool.h>

#include "worker/self.h"

/* There is one. */
bool hand_is_full(const struct worker *w);

/* It is closed. */
void hand_drop(struct worker *w);

/* It goes to the park. When that takes none, one that rests is closed; one whose request is on its way is served, the
 * worker waiting for it, also one that ends: it stays in hand. */
void hand_give_up(struct worker *w);

/* Another one is taken: it makes room for that, on the shelf or as above. */
void hand_put_away(struct worker *w);

/* It waits for its client: one of the shelf's goes back there (true), unless something of a request has come. */
bool hand_put_back(struct worker *w);
