/* SPDX-License-Identifier: MIT */
/* Servers read their files as root. Who asks here may not be: a file that is closed is told, and the rest goes on. */

#include "doctor/webfile.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define WEBFILE_MAX ((size_t)4 << 20)

char *doctor_webfile_read(struct doctor_facts *f, const char *path) {
        char *data = NULL;
        size_t n;
        int r;

        r = fd_read_file(path, WEBFILE_MAX, &data, &n);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                doctor_facts_unseen(f, path, strerror(-r));
        return r < 0 ? NULL : data;
}

/* glob(3) sorts, as web servers do. */
static void webfile_glob(const char *pattern, const struct doctor_webfile_visitor *visitor) {
        glob_t found = {};
        struct stat st;

        if (glob(pattern, 0, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++)
                        if (stat(found.gl_pathv[i], &st) < 0 || !S_ISDIR(st.st_mode))
                                visitor->visit(found.gl_pathv[i], visitor->userdata);
        globfree(&found);
}

void doctor_webfile_each(const char *base, const char *pattern, const struct doctor_webfile_visitor *visitor) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int n;

        n = pattern[0] == '/' ? asprintf(&path, "%s", pattern) : asprintf(&path, "%s/%s", base, pattern);
        if (n < 0) {
                path = NULL;
                return;
        }
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                char *all;

                if (asprintf(&all, "%s/*", path) < 0)
                        return;
                free(path);
                path = all;
        }
        webfile_glob(path, visitor);
}

char *doctor_webfile_folder(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}
