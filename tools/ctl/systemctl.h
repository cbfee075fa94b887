/* SPDX-License-Identifier: MIT */
#pragma once
/* The service manager, through its own tool. */

#include "base/text.h"

/* Runs systemctl with the arguments (NULL-terminated, without its name), its output appended to out, or where that is
 * NULL ours. Its exit status; a negative exit code of ours after the error was told. */
int systemctl_run(const char *const *arguments, struct text *out);
