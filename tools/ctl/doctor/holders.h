/* SPDX-License-Identifier: MIT */
#pragma once
#include "doctor/listeners.h"

/* Which program has each of the listeners open. Of processes that this user may not look at it stays unknown. */
void doctor_holders_find(struct doctor_facts *f, struct doctor_listeners *l);

/* The name of a process's program, as /proc has it. False: it cannot be told. */
bool doctor_holders_program(const char *pid, char *buf, size_t n);

/* Its service by its control group; "": it is in none. */
const char *doctor_holders_unit(struct doctor_facts *f, const char *pid);

/* fpmd is itself under any name; php-fpm with its version behind it. */
enum doctor_holder doctor_holders_kind(const char *program);
