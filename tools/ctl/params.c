/* SPDX-License-Identifier: MIT */
/*
 * CGI parameters from a URI, as a web server's usual FastCGI set-up makes them: SCRIPT_FILENAME is the root and the
 * path up to
 * ".php", PATH_INFO the rest. Without a root the file system's is it, so that a script path is its own SCRIPT_NAME; a
 * pool's status and ping paths are asked for that way too.
 */

#include "params.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void ctl_params_done(struct ctl_params *p) {
        for (size_t i = 0; i < p->n; i++) {
                free((char *)p->items[i].name);
                free((char *)p->items[i].value);
        }
        free(p->items);
        *p = (struct ctl_params){};
}

static struct fcgi_pair *params_find(struct ctl_params *p, const char *name, size_t n) {
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].n_name == n && memcmp(p->items[i].name, name, n) == 0)
                        return &p->items[i];
        return NULL;
}

/* Copies the given pair's texts. */
static int params_set(struct ctl_params *p, const struct fcgi_pair *given) {
        _cleanup_free_ char *v = strndup(given->value, given->n_value), *k = strndup(given->name, given->n_name);
        struct fcgi_pair *pair = params_find(p, given->name, given->n_name);

        if (!k || !v)
                return -ENOMEM;
        if (!pair) {
                pair = reallocarray(p->items, p->n + 1, sizeof(*pair));
                if (!pair)
                        return -ENOMEM;
                p->items = pair;
                pair = &p->items[p->n++];
                *pair = (struct fcgi_pair){ .name = TAKE_PTR(k), .n_name = given->n_name };
        }
        free((char *)pair->value);
        pair->value = TAKE_PTR(v);
        pair->n_value = given->n_value;
        return 0;
}

/* A value that is no whole text. */
static int params_set_part(struct ctl_params *p, const char *name, const char *value, size_t n) {
        return params_set(p, &(struct fcgi_pair){ name, strlen(name), value, n });
}

int ctl_params_set(struct ctl_params *p, const char *name, const char *value) {
        return params_set_part(p, name, value, strlen(value));
}

int ctl_params_set_assignment(struct ctl_params *p, const char *assignment) {
        const char *eq = strchr(assignment, '=');

        if (!eq || eq == assignment)
                return -EINVAL;
        return params_set(p, &(struct fcgi_pair){ assignment, (size_t)(eq - assignment), eq + 1, strlen(eq + 1) });
}

static bool params_is_cgi_header(const char *name) {
        return strcmp(name, "CONTENT_TYPE") == 0 || strcmp(name, "CONTENT_LENGTH") == 0;
}

int ctl_params_set_header(struct ctl_params *p, const char *header) {
        _cleanup_free_ char *name = NULL;
        const char *colon = strchr(header, ':');

        if (!colon || colon == header)
                return -EINVAL;
        if (asprintf(&name, "HTTP_%.*s", (int)(colon - header), header) < 0)
                return -ENOMEM;
        for (char *c = name; *c; c++)
                *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        colon++;
        return ctl_params_set(p, params_is_cgi_header(name + 5) ? name + 5 : name, colon + strspn(colon, " \t"));
}

/* Bytes of path up to the end of the script's name: what follows is PATH_INFO. */
static size_t params_script_length(const char *path, size_t n) {
        const char *dot = memmem(path, n, ".php/", 5);

        return dot ? (size_t)(dot - path) + 4 : n;
}

static int params_fill_path(struct ctl_params *p, const struct ctl_params_request *r) {
        size_t n_path = strcspn(r->target, "?");
        size_t n_script = params_script_length(r->target, n_path);
        const char *root = r->root ? r->root : "";
        size_t n_root = strlen(root);
        _cleanup_free_ char *file = NULL;
        int e;

        while (n_root > 0 && root[n_root - 1] == '/')
                n_root--;
        if (asprintf(&file, "%.*s%.*s", (int)n_root, root, (int)n_script, r->target) < 0)
                return -ENOMEM;
        e = ctl_params_set(p, "SCRIPT_FILENAME", file);
        if (e == 0)
                e = params_set_part(p, "SCRIPT_NAME", r->target, n_script);
        if (e == 0 && n_script < n_path)
                e = params_set_part(p, "PATH_INFO", r->target + n_script, n_path - n_script);
        if (e == 0)
                e = params_set_part(p, "DOCUMENT_URI", r->target, n_path);
        if (e == 0)
                e = ctl_params_set(p, "DOCUMENT_ROOT", r->root ? r->root : "/");
        return e;
}

static int params_fill_body(struct ctl_params *p, const struct ctl_params_request *r) {
        char length[24];
        int e;

        if (!r->has_body)
                return 0;
        snprintf(length, sizeof(length), "%zu", r->n_body);
        e = ctl_params_set(p, "CONTENT_LENGTH", length);
        if (e < 0)
                return e;
        return ctl_params_set(p, "CONTENT_TYPE", "application/x-www-form-urlencoded");
}

int ctl_params_fill(struct ctl_params *p, const struct ctl_params_request *r) {
        const char *query = strchr(r->target, '?');
        const struct {
                const char *name, *value;
        } fixed[] = {
                { "GATEWAY_INTERFACE", "CGI/1.1" },
                { "SERVER_SOFTWARE", "fpmctl/" FPMD_VERSION },
                { "SERVER_PROTOCOL", "HTTP/1.1" },
                { "SERVER_NAME", "localhost" },
                { "SERVER_ADDR", "127.0.0.1" },
                { "SERVER_PORT", "80" },
                { "REMOTE_ADDR", "127.0.0.1" },
                { "REMOTE_PORT", "0" },
                { "HTTP_HOST", "localhost" },
                { "REDIRECT_STATUS", "200" }, /* a php-cgi behind the same address refuses requests without it */
                { "REQUEST_METHOD", r->method },
                { "REQUEST_URI", r->target },
                { "QUERY_STRING", query ? query + 1 : "" },
        };
        int e;

        if (r->target[0] != '/')
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(fixed); i++) {
                e = ctl_params_set(p, fixed[i].name, fixed[i].value);
                if (e < 0)
                        return e;
        }
        e = params_fill_path(p, r);
        return e < 0 ? e : params_fill_body(p, r);
}
