/* SPDX-License-Identifier: MIT */
/*
 * Which file does the request mean? Web servers disagree about it:
 *
 *   nginx        SCRIPT_FILENAME is the file; with PATH_INFO when the site splits it off, with it glued on when not
 *   Apache       SCRIPT_FILENAME is "proxy:fcgi://host:port/path", also "proxy:balancer://" and, from a unix socket,
 *                "proxy:unix:/socket|fcgi://host/path"; a rewritten query string may hang on it. PATH_INFO is never
 *                split off
 *   IIS          PATH_INFO begins with SCRIPT_NAME
 *   CGI wrappers SCRIPT_FILENAME is the PHP binary, the file is in PATH_TRANSLATED, its name in REDIRECT_URL
 *   bare clients SCRIPT_FILENAME or PATH_TRANSLATED, and little else
 *
 * With cgi.fix_pathinfo (the default) a path that does not exist is shortened from its end until a file is met; what
 * was cut off is the PATH_INFO. Programs rely on how php-fpm then rewrites the other parameters and keeps the old ones
 * as ORIG_*, oddities included, so the order and the conditions of the rewriting here are php-fpm's as seen from
 * outside. Three things differ: the unix socket form; a wrapped PATH_TRANSLATED that has SCRIPT_FILENAME above it,
 * where php-fpm answers 403; and a path in a mod_proxy URL, which is percent-encoded where ProxyPass made it and as it
 * is where a handler or a rewriting did: that is tried as it stands, and, when no file is found, decoded. php-fpm (from
 * 8.5 on) decodes only where fastcgi.script_path_encoded is 0, and then all.
 */

#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "sapi/internal.h"

struct script {
        const char *filename; /* SCRIPT_FILENAME */
        const char *translated;
        const char *path_info;
        const char *given_name; /* SCRIPT_NAME */
        const char *name;       /* what it is to be */
        const char *root;
        const char *redirect;
        bool proxied;     /* Apache's mod_proxy_fcgi wrote SCRIPT_FILENAME */
        const char *path; /* the outcome */
};

static void script_set_env(const char *name, const char *value) {
        sapi_env_set(name, strlen(name), value, value ? strlen(value) : 0);
}

/* Keeps a value under its ORIG_ name before it is replaced. */
static void script_keep_original(const char *orig_name, const char *value) {
        if (value)
                script_set_env(orig_name, value);
}

/* The path inside a mod_proxy_fcgi URL, or NULL when s is none. */
static char *script_proxy_path(char *s) {
        static const char unix_prefix[] = "proxy:unix:";
        static const char *const prefixes[] = { "proxy:fcgi://", "proxy:balancer://" };
        char *bar;

        if (strncasecmp(s, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
                bar = strchr(s, '|');
                if (!bar || strncasecmp(bar + 1, "fcgi://", 7) != 0)
                        return NULL;
                return strchr(bar + 8, '/');
        }
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (strncasecmp(s, prefixes[i], strlen(prefixes[i])) == 0)
                        return strchr(s + strlen(prefixes[i]), '/');
        return NULL;
}

/* In a URL that mod_proxy made of ProxyPass the path is percent-encoded. False: it means the same decoded, or has a NUL
 * in it. */
static bool script_decode_path(struct script *s) {
        size_t n = strlen(s->path), n_decoded;
        char *decoded = estrndup(s->path, n);
        bool other;

        n_decoded = php_raw_url_decode(decoded, n);
        other = n_decoded != n && strlen(decoded) == n_decoded;
        if (other)
                s->path = s->filename = SAPI_ENV_SET("SCRIPT_FILENAME", decoded, n_decoded);
        efree(decoded);
        return other;
}

/* As php-fpm does, SCRIPT_FILENAME itself becomes the bare path; the URL is not kept. */
static void script_strip_proxy(struct script *s) {
        char *path, *query;

        if (!s->filename || strncasecmp(s->filename, "proxy:", 6) != 0)
                return;
        path = script_proxy_path((char *)s->filename);
        if (!path)
                return;
        query = strchr(path, '?');
        s->filename = SAPI_ENV_SET("SCRIPT_FILENAME", path, query ? (size_t)(query - path) : strlen(path));
        s->path = s->filename;
        s->proxied = true;
        if (!sapi_settings.script_path_encoded)
                (void)script_decode_path(s);
}

/* Through PHP's realpath cache: a known path costs no system call. What PHP would do to a path before it looks there is
 * only done to one that is not there as it is. */
static bool script_path_exists(const char *path, size_t n) {
        cwd_state state = { .cwd = NULL, .cwd_length = 0 };
        zend_stat_t st;
        bool ok;

        if (path[0] != '/')
                return stat(path, &st) == 0;
        if (realpath_cache_lookup(path, n, time(NULL)))
                return true;
        state.cwd = estrdup("");
        ok = virtual_file_ex(&state, path, NULL, CWD_REALPATH) == 0;
        efree(state.cwd);
        return ok;
}

/* A ".." component. */
static bool script_path_climbs(const char *path) {
        const char *p = path;

        while ((p = strstr(p, ".."))) {
                if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
                        return true;
                p += 2;
        }
        return false;
}

/* Length of the longest proper ancestor of path that is a regular file; 0: none. The path may be of any length, as
 * PATH_INFO is; the file is one that the kernel can open. */
static size_t script_find_file_above(const char *path) {
        char file[PATH_MAX + 1]; /* and the slash behind the longest */
        size_t n = strnlen(path, PATH_MAX);
        zend_stat_t st;
        char *slash;

        memcpy(file, path, n);
        file[n] = '\0';
        while ((slash = strrchr(file, '/'))) {
                *slash = '\0';
                if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
                        return (size_t)(slash - file);
        }
        return 0;
}

/* PATH_INFO was given and ends in more than what was cut off: its front part is the script's name. */
static void script_split_given_path_info(struct script *s, size_t n_front) {
        char *front = estrndup(s->path_info, n_front);

        script_keep_original("ORIG_PATH_INFO", s->path_info);
        if (s->given_name && strcmp(s->given_name, front) == 0)
                SG(request_info).request_uri = (char *)s->given_name;
        else {
                script_keep_original("ORIG_SCRIPT_NAME", s->given_name);
                SG(request_info).request_uri = SAPI_ENV_SET("SCRIPT_NAME", front, n_front);
        }
        efree(front);
}

static bool script_cut_suffix(struct script *s, const char *suffix, size_t n_suffix) {
        size_t n = strlen(s->name);

        if (n <= n_suffix || memcmp(s->name + n - n_suffix, suffix, n_suffix) != 0)
                return false;
        script_keep_original("ORIG_SCRIPT_NAME", s->given_name);
        s->name = SAPI_ENV_SET("SCRIPT_NAME", s->name, n - n_suffix);
        SG(request_info).request_uri = (char *)s->name;
        return true;
}

/* Apache gives no PATH_INFO; then SCRIPT_NAME has it at its end, percent-decoded or not. A plus is a plus in a path.
 * What PATH_INFO is to be: from info, or in request memory. */
static const char *script_cut_path_info_from_name(struct script *s, const char *info) {
        size_t n = strlen(info), n_decoded = n;
        char *decoded;

        if (!strchr(info, '%')) {
                (void)script_cut_suffix(s, info, n);
                return info;
        }
        decoded = estrndup(info, n);
        n_decoded = php_raw_url_decode(decoded, n);
        if (!script_cut_suffix(s, info, n))
                (void)script_cut_suffix(s, decoded, n_decoded);
        return SAPI_COMPAT_DECODED_PATH_INFO ? decoded : info;
}

/* info: what was cut off the path, from its slash on. Finds PATH_INFO in it and sets SCRIPT_NAME to what is left. */
static void script_derive_path_info(struct script *s, const char *info) {
        size_t n_cut = strlen(info), n_given = s->path_info ? strlen(s->path_info) : 0;

        if (s->proxied) {
                if (s->path_info && strcmp(s->path_info, info) == 0)
                        return;
                if (s->path_info)
                        script_split_given_path_info(s, n_given);
                else if (s->name)
                        info = script_cut_path_info_from_name(s, info);
        } else {
                if (n_given <= n_cut)
                        return;
                script_split_given_path_info(s, n_given - n_cut);
                info = s->path_info + n_given - n_cut;
        }
        s->path_info = SAPI_ENV_SET("PATH_INFO", info, strlen(info));
}

/* PATH_TRANSLATED is the document root and the PATH_INFO; without a known root it is found as file minus name. */
static void script_derive_path_translated(struct script *s, size_t n_path) {
        const char *base = s->root, *info = s->path_info ? s->path_info : "";
        size_t n_base;
        char *translated;

        if (base) {
                n_base = strlen(base);
                if (n_base > 0 && base[n_base - 1] == '/')
                        n_base--;
        } else if (s->name && strstr(s->path, s->name)) {
                base = s->path;
                n_base = n_path - strlen(s->name);
        } else
                return;
        translated = emalloc(n_base + strlen(info) + 1);
        memcpy(translated, base, n_base);
        strcpy(translated + n_base, info);
        script_keep_original("ORIG_PATH_TRANSLATED", s->translated);
        script_set_env("PATH_TRANSLATED", translated);
        efree(translated);
}

static void script_use_name(struct script *s, bool changed) {
        if (changed) {
                script_keep_original("ORIG_SCRIPT_NAME", s->given_name);
                s->name = SAPI_ENV_SET("SCRIPT_NAME", s->name, strlen(s->name));
        }
        SG(request_info).request_uri = (char *)s->name;
}

/* The path is not a file, but something above it is. */
static void script_use_file_above(struct script *s, size_t n_path) {
        const char *whole = s->path;

        script_derive_path_info(s, whole + n_path);
        if (s->filename && strlen(s->filename) == n_path && memcmp(s->filename, whole, n_path) == 0)
                s->path = s->filename;
        else {
                script_keep_original("ORIG_SCRIPT_FILENAME", s->filename);
                s->path = SAPI_ENV_SET("SCRIPT_FILENAME", whole, n_path);
        }
        script_derive_path_translated(s, n_path);
        if (!SG(request_info).request_uri)
                script_use_name(s, s->name && (!s->given_name || strcmp(s->given_name, s->name) != 0));
}

static void script_use_file_itself(struct script *s) {
        if (!s->filename || strcmp(s->path, s->filename) != 0) {
                script_keep_original("ORIG_SCRIPT_FILENAME", s->filename);
                s->path = SAPI_ENV_SET("SCRIPT_FILENAME", s->path, strlen(s->path));
        }
        if (!s->proxied && s->redirect) {
                script_keep_original("ORIG_PATH_INFO", s->path_info);
                script_keep_original("ORIG_PATH_TRANSLATED", s->translated);
                script_set_env("PATH_INFO", NULL);
                script_set_env("PATH_TRANSLATED", NULL);
        }
        script_use_name(s, s->name != s->given_name);
}

/* A CGI wrapper: SCRIPT_FILENAME and SCRIPT_NAME name the PHP binary. */
static bool script_is_wrapped(const struct script *s) {
        return !s->proxied && s->translated && s->redirect && strcmp(s->translated, s->path) != 0;
}

/* True: the path is there. Else *ret_n is how much of it is a file, or 0. */
static bool script_find_file(const struct script *s, size_t *ret_n) {
        size_t n = strlen(s->path);

        if (n == 0 || (s->path[n - 1] != '/' && script_path_exists(s->path, n)))
                return true;
        *ret_n = script_find_file_above(s->path);
        return false;
}

static void script_resolve_with_path_info(struct script *s) {
        size_t n_path = 0;
        bool there;

        if (!s->root && PG(doc_root) && *PG(doc_root))
                s->root = SAPI_ENV_SET("DOCUMENT_ROOT", PG(doc_root), strlen(PG(doc_root)));
        if (script_is_wrapped(s)) {
                s->path = s->translated;
                s->name = s->redirect;
        }
        there = script_find_file(s, &n_path);
        if (!there && n_path == 0 && s->proxied && script_decode_path(s))
                there = script_find_file(s, &n_path);
        if (there)
                script_use_file_itself(s);
        else if (n_path > 0)
                script_use_file_above(s, n_path);
        else {
                s->path = NULL;
                SG(request_info).request_uri = (char *)s->name;
        }
}

/* IIS puts the whole path into PATH_INFO, the script's name included. */
static void script_cut_iis_path_info(struct script *s) {
        const char *server = SAPI_ENV("SERVER_SOFTWARE");
        size_t n_name = s->given_name ? strlen(s->given_name) : 0;

        if (!server || !s->path_info || !s->given_name || strncmp(server, "Microsoft-IIS", 13) != 0 ||
            strncmp(s->path_info, s->given_name, n_name) != 0)
                return;
        script_keep_original("ORIG_PATH_INFO", s->path_info);
        s->path_info += n_name;
        s->path_info = *s->path_info ? SAPI_ENV_SET("PATH_INFO", s->path_info, strlen(s->path_info)) : NULL;
        if (!s->path_info)
                script_set_env("PATH_INFO", NULL);
}

const char *sapi_script_resolve(void) {
        struct script s = {
                .filename = SAPI_ENV("SCRIPT_FILENAME"),
                .translated = SAPI_ENV("PATH_TRANSLATED"),
                .path_info = SAPI_ENV("PATH_INFO"),
                .given_name = SAPI_ENV("SCRIPT_NAME"),
                .root = SAPI_ENV("DOCUMENT_ROOT"),
                .redirect = SAPI_ENV("REDIRECT_URL"),
        };

        s.name = s.given_name;
        s.path = s.filename ? s.filename : s.translated;
        if (!s.path)
                return NULL;
        script_strip_proxy(&s);
        script_cut_iis_path_info(&s);
        if (sapi_settings.fix_pathinfo)
                script_resolve_with_path_info(&s);
        else {
                SG(request_info).request_uri = (char *)(s.path_info ? s.path_info : s.name);
                if (!sapi_settings.discard_path && s.translated)
                        s.path = s.translated;
        }
        return s.path && !script_path_climbs(s.path) ? s.path : NULL;
}
