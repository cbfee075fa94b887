/* SPDX-License-Identifier: MIT */
#pragma once
/* The addresses that pools listen at: each connection can reach one pool only. */

#include "units/claims.h"

/* Claims the address, as socketunit_address() writes it. 0, and it is the claimant's; ADDRESSES_E_TAKEN and *ret, which
 * the claims own: "[FILE:LINE]" of who has it, or all or some of the addresses that it stands for; -ENOMEM. Names are
 * not resolved and symbolic links not followed, but for /var/run, which is /run. */
enum { ADDRESSES_E_TAKEN = 1 };
int addresses_take(struct claims *c, const char *address, struct conf_where where, const char **ret);
