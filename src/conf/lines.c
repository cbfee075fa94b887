/* SPDX-License-Identifier: MIT */
/*
 * A loader tells its findings as lines of text, so that every program can print them as they are. One that is not of
 * the level the reader expects has it in front.
 */

#include "conf/lines.h"

#include <string.h>

#include "base/text.h"

static const struct {
        const char *head;
        enum log_level level;
} heads[] = { { "ALERT: ", LOG_LEVEL_ALERT }, { "NOTICE: ", LOG_LEVEL_NOTICE }, { "WARNING: ", LOG_LEVEL_WARNING } };

bool conf_lines_has_level(const char *line) {
        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                if (text_has_prefix(line, heads[i].head))
                        return true;
        return false;
}

bool conf_lines_next(const char **lines, enum log_level *level, const char **ret, size_t *ret_n) {
        const char *line = *lines;
        size_t n = strcspn(line, "\n");

        if (!*line)
                return false;
        *lines = line + n + (line[n] == '\n');
        for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                if (text_has_prefix(line, heads[i].head)) {
                        *level = heads[i].level;
                        line += strlen(heads[i].head);
                        n -= strlen(heads[i].head);
                        break;
                }
        *ret = line;
        *ret_n = n;
        return true;
}

bool conf_lines_is_place(const char *line) {
        return line[0] == '[' && !text_has_prefix(line, "[pool ");
}

bool conf_lines_is_ours(const char *line) {
        const char *end = conf_lines_is_place(line) ? strchr(line, ']') : NULL;

        return end && (text_has_prefix(end, "] directive '") || text_has_prefix(end, "] syntax error: "));
}

bool conf_lines_is_outcome(const char *line) {
        return text_has_prefix(line, "Unable to include ") ||
               text_has_prefix(line, "failed to load configuration file ") ||
               text_has_prefix(line, "failed to post process the configuration");
}
