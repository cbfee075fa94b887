/* SPDX-License-Identifier: MIT */
#pragma once
/* The parameters of one FastCGI request, as a web server would pass them. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "fcgi/params.h"

struct ctl_params {
        struct fcgi_pair *items; /* names and values are owned */
        size_t n;
};

void ctl_params_done(struct ctl_params *p);
#define _cleanup_params_ _cleanup_(ctl_params_done)

/* Sets a parameter, in the place of one of that name. 0 or -ENOMEM. */
int ctl_params_set(struct ctl_params *p, const char *name, const char *value);

/* "NAME=VALUE", and "Name: value" as an HTTP header (Content-Type and Content-Length keep their CGI names). -EINVAL
 * when it has not that form. */
int ctl_params_set_assignment(struct ctl_params *p, const char *assignment);
int ctl_params_set_header(struct ctl_params *p, const char *header);

/* What the request is about. */
struct ctl_params_request {
        const char *method;
        const char *target; /* an absolute script path, or a URI below root; may have a ?query */
        const char *root;   /* document root, or NULL: the target is a script's path */
        bool has_body;
        size_t n_body;
};

/* Everything that follows from the request. 0, -EINVAL (the target does not start with a slash), -ENOMEM. */
int ctl_params_fill(struct ctl_params *p, const struct ctl_params_request *r);
