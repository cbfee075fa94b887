/* SPDX-License-Identifier: MIT */
/* Lines of the pools' own language, without sections: "pools = FOLDER", as often as there are folders, and
 * "exit_idle_time = TIME" and "dynamic_users = yes". */

#include "units/unitsconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/number.h"
#include "conf/boolean.h"
#include "conf/ini.h"

#define FILE_BYTES_MAX    ((size_t)1 << 20)
#define FOLDER_DEFAULT    FPMD_SYSCONFDIR "/pool.d"
#define EXIT_IDLE_DEFAULT (60 * USEC_PER_SEC)

void unitsconf_done(struct unitsconf *c) {
        for (size_t i = 0; i < c->n_folders; i++)
                free(c->folders[i]);
        *c = (struct unitsconf){};
}

static const char *unitsconf_add_folder(struct unitsconf *c, const char *path) {
        if (path[0] != '/')
                return "a folder's path begins with a slash";
        if (c->n_folders == UNITSCONF_FOLDERS_MAX)
                return "more than 16 folders";
        c->folders[c->n_folders] = strdup(path);
        if (!c->folders[c->n_folders])
                return "out of memory";
        c->n_folders++;
        return NULL;
}

/* Seconds, with or without an s, or "never". */
static const char *unitsconf_set_exit_idle(struct unitsconf *c, char *value) {
        size_t n = strlen(value);
        uint64_t seconds = 0;

        if (n > 1 && value[n - 1] == 's')
                value[n - 1] = '\0';
        if (!text_equal(value, "never") && number_parse_range(value, 1, 31536000, &seconds) < 0)
                return "a number of seconds from 1 on, or 'never'";
        c->exit_idle = seconds * USEC_PER_SEC;
        return NULL;
}

static const char *unitsconf_set_dynamic_users(struct unitsconf *c, const char *value) {
        return conf_boolean_parse(value, &c->dynamic_users) < 0 ? "neither yes nor no" : NULL;
}

static const char *unitsconf_take_entry(struct unitsconf *c, const struct conf_ini_line *line) {
        if (line->kind != CONF_INI_ENTRY || line->key)
                return "neither 'pools = FOLDER', 'exit_idle_time = TIME' nor 'dynamic_users = yes'";
        if (text_equal(line->name, "pools"))
                return unitsconf_add_folder(c, line->value);
        if (text_equal(line->name, "exit_idle_time"))
                return unitsconf_set_exit_idle(c, line->value);
        if (text_equal(line->name, "dynamic_users"))
                return unitsconf_set_dynamic_users(c, line->value);
        return "an unknown name; there are 'pools', 'exit_idle_time' and 'dynamic_users'";
}

static int unitsconf_take_lines(const char *path, const char *data, size_t n, struct unitsconf *c,
                                struct text *problems) {
        const char *s;
        size_t n_line;

        for (unsigned number = 1; conf_ini_next(&data, &n, &s, &n_line); number++) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                const char *why = NULL;
                int r = conf_ini_parse(s, n_line, conf_scan_no_environment, &line, &why);

                if (r < 0)
                        return r;
                if (r == 0 && line.kind == CONF_INI_NOTHING)
                        continue;
                if (r == 0 && line.varies == CONF_VARIES_NOTHING)
                        why = "${NAME} is nothing here: systemd reads the file, and not in a service's environment";
                else if (r == 0)
                        why = unitsconf_take_entry(c, &line);
                if (why)
                        text_printf(problems, "[%s:%u] %s\n", path, number, why);
        }
        return 0;
}

int unitsconf_take(const char *path, const char *data, size_t n, struct unitsconf *ret, struct text *problems) {
        int r;

        *ret = (struct unitsconf){ .exit_idle = EXIT_IDLE_DEFAULT };
        r = unitsconf_take_lines(path, data, n, ret, problems);
        if (r == 0 && ret->n_folders == 0 && unitsconf_add_folder(ret, FOLDER_DEFAULT) != NULL)
                r = -ENOMEM;
        return r;
}

int unitsconf_load(const char *path, struct unitsconf *ret, struct text *problems) {
        _cleanup_free_ char *data = NULL;
        size_t n = 0;
        int r;

        r = fd_read_file(path, FILE_BYTES_MAX, &data, &n);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                text_printf(problems, "[%s] cannot read it: %s\n", path, strerror(-r));
        return unitsconf_take(path, r < 0 ? "" : data, r < 0 ? 0 : n, ret, problems);
}
