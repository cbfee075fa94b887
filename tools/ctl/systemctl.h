/* SPDX-License-Identifier: MIT */
#pragma once
/* The service manager, through its own tool. */

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* Runs systemctl with the arguments (NULL-terminated, without its name), its output appended to out, or where that is
 * NULL ours. Its exit status; a negative exit code of ours after the error was told. */
int systemctl_run(const char *const *arguments, struct text *out);

/* Arguments that become more, each borrowed. All zero: there are none. */
struct systemctl_words {
        const char **items; /* NULL-terminated, once there is one */
        size_t n;
        bool failed; /* memory is out */
};
void systemctl_words_done(struct systemctl_words *w);
#define _cleanup_systemctl_words_ _cleanup_(systemctl_words_done)

void systemctl_put(struct systemctl_words *w, const char *word);
