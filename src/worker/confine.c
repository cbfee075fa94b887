/* SPDX-License-Identifier: MIT */
/*
 * A worker gives up what its pool says it must not have, before it runs any PHP code. The zygote cannot do it for all:
 * PHP's start-up and opcache.preload read files outside, as they do under php-fpm. A step that fails ends the worker:
 * none is ever less confined than it should be.
 *
 * AppArmor's library is loaded by those who use it. As with php-fpm the hat is the child profile PROFILE//HAT of the
 * one this process is under, and there is no way back. It comes before a chroot, in which there may be no /proc: so
 * where a pool has both, the zygote changes it after PHP's start.
 */

#include "worker/confine.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/text.h"
#include "log/log.h"

#define CONFINE_APPARMOR "libapparmor.so.1"

struct confine_apparmor {
        int (*getcon)(char **label, char **mode);
        int (*change_profile)(const char *profile);
};

static int confine_load_apparmor(struct confine_apparmor *ret) {
        void *library = dlopen(CONFINE_APPARMOR, RTLD_NOW | RTLD_LOCAL); /* for good: the worker's life */

        if (!library) {
                log_error("directive 'apparmor_hat': %s", dlerror());
                return -ENOSYS;
        }
        ret->getcon = (int (*)(char **, char **))dlsym(library, "aa_getcon");
        ret->change_profile = (int (*)(const char *))dlsym(library, "aa_change_profile");
        if (ret->getcon && ret->change_profile)
                return 0;
        log_error("directive 'apparmor_hat': " CONFINE_APPARMOR " lacks aa_getcon() or aa_change_profile()");
        return -ENOSYS;
}

int confine_change_hat(const struct conf_pool *pool) {
        struct confine_apparmor apparmor;
        _cleanup_free_ char *label = NULL;
        _cleanup_text_ struct text profile = {};
        int r;

        if (!pool->apparmor_hat)
                return 0;
        r = confine_load_apparmor(&apparmor);
        if (r < 0)
                return r;
        if (apparmor.getcon(&label, NULL) < 0) {
                r = -errno;
                log_error("failed to query apparmor confinement. Please check if \"/proc/*/attr/current\" is read and "
                          "writeable: %s",
                          strerror(-r));
                return r;
        }
        text_printf(&profile, "%s//%s", label, pool->apparmor_hat);
        if (profile.failed)
                return -ENOMEM;
        if (apparmor.change_profile(text_peek(&profile)) < 0) {
                r = -errno;
                log_error("failed to change to new confinement (%s). Please check if \"/proc/*/attr/current\" is read "
                          "and writeable and "
                          "\"change_profile -> %s//*\" is allowed: %s",
                          text_peek(&profile), label, strerror(-r));
                return r;
        }
        return 0;
}

int confine_enter(const struct conf_pool *pool) {
        int r = pool->chroot ? 0 : confine_change_hat(pool);

        if (r == 0 && pool->chdir && chdir(pool->chdir) < 0) {
                r = -errno;
                log_error("failed to chdir(%s): %s", pool->chdir, strerror(-r));
        }
        return r;
}
