/* SPDX-License-Identifier: MIT */
#pragma once
/* Exit statuses: sysexits(3), as php-fpm. */

#define EXIT_USAGE    64
#define EXIT_SOFTWARE 70
#define EXIT_CONFIG   78
