/* SPDX-License-Identifier: MIT */
#include "unitblock.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

char *unitblock_next(char **rest) {
        char *block = *rest, *end = block ? strstr(block, "\n\n") : NULL;

        *rest = end ? end + 2 : NULL;
        if (end)
                *end = '\0';
        return block;
}

bool unitblock_id(const char *block, char ret[static 256]) {
        const char *id = text_has_prefix(block, "Id=") ? block : strstr(block, "\nId="); /* it is not the first line */

        if (!id)
                return false;
        id = strchr(id, '=') + 1;
        snprintf(ret, 256, "%.*s", (int)strcspn(id, "\n"), id);
        return true;
}

bool unitblock_take_pool(const char *unit, char ret[static CONF_POOL_NAME_MAX + 1]) {
        size_t head = strlen("fpmd@");
        const char *dot = strrchr(unit, '.');

        if (!text_has_prefix(unit, "fpmd@") || !dot || (size_t)(dot - unit) > head + CONF_POOL_NAME_MAX)
                return false;
        text_copy(ret, CONF_POOL_NAME_MAX + 1, unit + head, (size_t)(dot - unit) - head);
        return true;
}

bool unitblock_has_line(const char *block, const char *line) {
        size_t n = strlen(line);

        for (const char *p = block; (p = strstr(p, line)); p++)
                if ((p == block || p[-1] == '\n') && (p[n] == '\n' || p[n] == '\0'))
                        return true;
        return false;
}

bool unitblock_next_word(const char **rest, const char *name, char ret[static CONF_PATH_BYTES + 1]) {
        size_t n_name = strlen(name), n_line, n;
        const char *line;

        while ((line = text_word(rest, "\n", &n_line))) {
                if (!text_has_prefix(line, name))
                        continue;
                n = strcspn(line + n_name, " \n");
                if (n <= CONF_PATH_BYTES) {
                        text_copy(ret, CONF_PATH_BYTES + 1, line + n_name, n);
                        return true;
                }
        }
        return false;
}

/* "Listen=/run/a.sock (Stream)". */
bool unitblock_listens_at(const char *block, const char *address) {
        char word[CONF_PATH_BYTES + 1];

        while (unitblock_next_word(&block, "Listen=", word))
                if (text_equal(word, address))
                        return true;
        return false;
}
