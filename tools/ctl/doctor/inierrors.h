/* SPDX-License-Identifier: MIT */
#pragma once
/* What PHP says on stderr of a settings file that it cannot read to its end. */

#include <stdbool.h>

#define DOCTOR_INIERROR_HEAD "PHP:  "

/* "PHP:  syntax error, unexpected '(' in FILE on line 3": the file, the caller's. False: it is something else, or there
 * is no memory. */
bool doctor_inierror_take(const char *line, char **ret_file);
