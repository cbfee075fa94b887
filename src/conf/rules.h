/* SPDX-License-Identifier: MIT */
#pragma once
/* The rules that no single line can break: between directives, between pools, and between the file and this machine. */

#include "base/text.h"
#include "conf/model.h"
#include "conf/options.h"

/*
 * Completes a model whose lines have been read (complete.h) and checks it. Appends one line to problems for each rule
 * that is broken. 0, or -ENOMEM.
 */
int conf_rules_check(struct conf *c, const struct conf_options *options, struct text *problems);

/* The same for what php-fpm looks at when the configuration has been found good: users and groups, and the form of
 * addresses. The model is complete. */
int conf_rules_check_late(struct conf *c, const struct conf_options *options, struct text *problems);
