/* SPDX-License-Identifier: MIT */
#pragma once
#include "doctor/facts.h"

/* Adds a backend for each address of a php_fastcgi in a Caddyfile. False: there is no such file. */
bool doctor_caddy_read(struct doctor_facts *f, const char *path);
