/* SPDX-License-Identifier: MIT */
#pragma once
#include "doctor/facts.h"

/* Adds a backend for each address that a fastcgi_pass of nginx's configuration leads to. False: there is no such file.
 */
bool doctor_nginx_read(struct doctor_facts *f, const char *path);
