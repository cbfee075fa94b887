/* SPDX-License-Identifier: MIT */
/* Whether PHP's settings load opcache and leave it on. They are read as text: later files win, as in PHP. */

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/text.h"
#include "doctor/collect.h"
#include "doctor/webfile.h"

#define OPCACHE_BUILT_IN 80500 /* the version of PHP since which it is */

/* "key = value", blanks and quotes taken off. False: it is not the key's line. */
static bool opcache_take(const char *line, const char *key, char value[static 256]) {
        size_t n = strlen(key);

        line += strspn(line, " \t");
        if (strncasecmp(line, key, n) != 0)
                return false;
        line += n + strspn(line + n, " \t");
        if (*line != '=')
                return false;
        line++;
        line += strspn(line, " \t\"'");
        snprintf(value, 256, "%.*s", (int)strcspn(line, " \t\"';\r"), line);
        return true;
}

static bool opcache_is_off(const char *value) {
        static const char *const words[] = { "0", "off", "no", "false", "none", "" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(value, words[i]) == 0)
                        return true;
        return false;
}

static void opcache_read_file(const char *path, void *userdata) {
        struct doctor_facts *f = userdata;
        _cleanup_free_ char *data = doctor_webfile_read(f, path);
        char *rest = data, *line;
        char value[256];

        for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
                if (opcache_take(line, "zend_extension", value) && strstr(value, "opcache"))
                        f->has_opcache = DOCTOR_YES;
                if (opcache_take(line, "opcache.interned_strings_buffer", value)) {
                        f->opcache_strings = (unsigned)MAX(atoi(value), 0);
                        f->says_strings = true;
                }
                if (opcache_take(line, "opcache.enable", value))
                        f->opcache_off = opcache_is_off(value) ? doctor_facts_print(f, "%s:%u", path, number) : "";
        }
}

void doctor_opcache_collect(struct doctor_facts *f, const char *php_ini_dir) {
        const char *folder = php_ini_dir ? php_ini_dir : FPMD_PHP_INI_DIR;
        const struct doctor_webfile_visitor visitor = { opcache_read_file, f };
        struct stat st;

        f->php_ini_dir = doctor_facts_keep(f, folder);
        if (stat(folder, &st) < 0) {
                doctor_facts_unseen(f, folder, "there is no such folder: PHP's settings are elsewhere");
                return;
        }
        f->has_opcache = FPMD_PHP_VERSION_ID >= OPCACHE_BUILT_IN ? DOCTOR_YES : DOCTOR_NO;
        doctor_webfile_each(folder, "php.ini", &visitor);
        doctor_webfile_each(folder, "conf.d/*.ini", &visitor);
}
