/* SPDX-License-Identifier: MIT */
#pragma once
/* What a generator has to say. It can wait for nobody: systemd waits for it. */

#include "base/macros.h"

/* Each line of the text, as a warning: to the journal, with the unit that it is about (NULL: none), where that takes
 * it, else to the kernel's log; and to stderr. */
void report_lines(const char *unit, const char *lines);

/* The file that is in hand. */
void report_begin(const char *file);

/* A handler of SIGALRM: says which file was in hand, to the kernel's log and to stderr, and ends the process. */
_noreturn_ void report_late(int signal_number);
