/* SPDX-License-Identifier: MIT */
#pragma once
#include "doctor/facts.h"

/* Adds a backend for each address of FastCGI in Apache httpd's configuration. False: there is no such file. */
bool doctor_apache_read(struct doctor_facts *f, const char *path);
