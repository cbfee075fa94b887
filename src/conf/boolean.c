/* SPDX-License-Identifier: MIT */
/* Files, the ini scanner and a pool's bytes for its zygote have the same words. */

#include "conf/boolean.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

const char *conf_boolean_word(const char *word, size_t n) {
        static const struct {
                const char *word;
                const char *value;
        } words[] = { { "on", "1" }, { "yes", "1" },  { "true", "1" }, { "off", "" },
                      { "no", "" },  { "false", "" }, { "none", "" },  { "null", "" } };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strlen(words[i].word) == n && strncasecmp(words[i].word, word, n) == 0)
                        return words[i].value;
        return NULL;
}

int conf_boolean_parse(const char *text, bool *ret) {
        const char *value = conf_boolean_word(text, strlen(text));

        if (!value && *text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
                return -EINVAL;
        *ret = strcmp(value ? value : text, "1") == 0;
        return 0;
}
