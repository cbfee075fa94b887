/* SPDX-License-Identifier: MIT */
/*
 * php-fpm's include knows one place for relative names, the folder it was built or started with; a configuration that
 * is copied as a whole has them beside itself. So both are looked at, php-fpm's first.
 */

#include "conf/include.h"

#include <errno.h>
#include <string.h>

static int include_look_for(const struct text *pattern, glob_t *ret) {
        int r;

        *ret = (glob_t){};
        if (pattern->failed)
                return -ENOMEM;
        r = glob(text_peek(pattern), GLOB_ERR, NULL, ret);
        if (r == 0)
                return 0;
        r = r == GLOB_NOSPACE ? -ENOMEM : r == GLOB_NOMATCH ? CONF_INCLUDE_E_NOTHING : errno > 0 ? -errno : -EIO;
        globfree(ret);
        *ret = (glob_t){};
        return r;
}

int conf_include_find(const char *prefix, const char *file, const char *value, glob_t *ret, struct text *pattern) {
        const char *slash = strrchr(file, '/');
        _cleanup_text_ struct text beside = {};
        int r;

        if (value[0] != '/')
                text_printf(pattern, "%s/", prefix);
        text_append(pattern, value);
        r = include_look_for(pattern, ret);
        if (r == 0 || r == -ENOMEM || value[0] == '/')
                return r;
        if (slash)
                text_append_n(&beside, file, (size_t)(slash + 1 - file));
        text_append(&beside, value);
        return include_look_for(&beside, ret) == 0 ? 0 : r;
}
