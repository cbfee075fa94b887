/* SPDX-License-Identifier: MIT */
#pragma once
/* A value: text, or numbers combined with | & ^ ~ ! ( ). */

#include "conf/scan.h"

/* Appends the value that begins at s->p and ends with the line or at a comment. 0; CONF_SCAN_E_SYNTAX; -ENOMEM. */
int conf_expression_read(struct conf_scan *s, struct text *out);
