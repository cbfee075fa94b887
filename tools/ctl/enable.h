/* SPDX-License-Identifier: MIT */
#pragma once
/* What fpmctl enable and disable have in common. */

#include "ctl.h"

/* The one argument, a pool's name, and the common options. 0; CTL_OPTION_E_EXIT with *ret_exit, told. */
int enable_take_name(struct ctl *ctl, int argc, char *argv[], const char *usage, const char **ret, int *ret_exit);

/* Runs systemctl. An exit code. */
int enable_run(const char *const *words);
