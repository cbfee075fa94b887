/* SPDX-License-Identifier: MIT */
#pragma once
/* The file with the master's process id, for those who signal it by hand or by script. */

#include "base/text.h"

/* Writes this process's id, replacing what was there. 0; 1 with the reason appended to problems; */
enum { PIDFILE_E_PROBLEM = 1 };
int pidfile_write(const char *path, struct text *problems);

/* Writes it again when it has gone, as by a tidy-up: after a reload it is there, as php-fpm's is. Logs a failure. */
void pidfile_restore(const char *path);

/* Removes it, when it still holds this process's id: it may have become another's. */
void pidfile_remove(const char *path);
