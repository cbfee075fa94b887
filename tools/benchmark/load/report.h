/* SPDX-License-Identifier: MIT */
#pragma once
/* The result as JSON. */

#include "base/text.h"
#include "run.h"

void load_report_render(const struct load_options *o, const struct load_result *r, struct text *out);
