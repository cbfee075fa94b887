/* SPDX-License-Identifier: MIT */
#pragma once
/* Of pools whose service runs, what its master says of them. */

#include "ctl.h"
#include "doctor/facts.h"

/* ctl: the way to the master of fpmd.service. A master that is not there is none of this function's business; one that
 * may not be asked, or does not answer, has not been looked at. */
void ctl_masters_collect(const struct ctl *ctl, struct doctor_facts *f);
