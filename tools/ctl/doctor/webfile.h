/* SPDX-License-Identifier: MIT */
#pragma once
/* The files of a web server's configuration: read whole, included by patterns. */

#include "doctor/facts.h"

#define DOCTOR_WEBFILE_DEPTH 16U /* includes within includes */

/* The file's text, which the caller frees; NULL: it is not there, or the facts' unseen have the reason. */
char *doctor_webfile_read(struct doctor_facts *f, const char *path);

struct doctor_webfile_visitor {
        void (*visit)(const char *path, void *userdata);
        void *userdata;
};

/* Visits each file of the pattern, which begins in base where it is relative. A folder is all of its files. */
void doctor_webfile_each(const char *base, const char *pattern, const struct doctor_webfile_visitor *visitor);

/* The folder of a path, which the caller frees; NULL: out of memory. */
char *doctor_webfile_folder(const char *path);
