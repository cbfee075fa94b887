/* SPDX-License-Identifier: MIT */
#pragma once
/* Whether the PHP that runs is still the one that is on the disk. */

#include <sys/types.h>

#include "doctor/facts.h"

/* What has changed since that zygote has started, in a sentence's part; "": nothing that can be told. files: the names
 * of the settings files that it has read, commas between. */
const char *doctor_generation_look(struct doctor_facts *f, pid_t zygote, const char *files);
