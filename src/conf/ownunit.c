/* SPDX-License-Identifier: MIT */
/* See ownunit.h. Where a link leads is of no interest: systemd makes the unit of the template. */

#include "conf/ownunit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "base/text.h"
#include "conf/conf.h"

#define OWNUNIT_NAME "fpmd@%s.socket"

static void ownunit_closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static bool ownunit_is_wanted(int folder, const char *target, const char *pool) {
        char path[sizeof(((struct dirent *)0)->d_name) + sizeof("/" OWNUNIT_NAME) + CONF_POOL_NAME_MAX];
        struct stat st;

        snprintf(path, sizeof(path), "%s/" OWNUNIT_NAME, target, pool);
        return fstatat(folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool ownunit_is_enabled(const char *folder, const char *pool) {
        _cleanup_(ownunit_closedirp) DIR *dir = opendir(folder);
        const struct dirent *entry;

        if (!dir || strchr(pool, '/') || strlen(pool) > CONF_POOL_NAME_MAX)
                return false;
        while ((entry = readdir(dir)))
                if ((text_has_suffix(entry->d_name, ".wants") || text_has_suffix(entry->d_name, ".requires")) &&
                    ownunit_is_wanted(dirfd(dir), entry->d_name, pool))
                        return true;
        return false;
}
