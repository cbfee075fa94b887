/* SPDX-License-Identifier: MIT */
#pragma once
/* What one pool alone can have, a name or an address, and who was the first to ask for it. */

#include "conf/model.h"

struct claims {
        void *tree; /* of tsearch(3) */
};
void claims_done(struct claims *c);

/* 0, and it is the claimant's; CLAIMS_E_TAKEN and *ret, which the claims own: "[FILE:LINE]" of who has it; -ENOMEM. */
enum { CLAIMS_E_TAKEN = 1 };
int claims_take(struct claims *c, const char *what, struct conf_where where, const char **ret);

/* The same without claiming it. */
int claims_find(const struct claims *c, const char *what, const char **ret);
