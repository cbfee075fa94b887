/* SPDX-License-Identifier: MIT */
/*
 * A script runs in its own folder; what comes before and after it, shutdown functions and destructors included, in the
 * worker's: the pool's chdir, or where its zygote was. PHP asks for the current directory before it changes it, in each
 * request. Here the worker's is opened once, and gone back to by its descriptor.
 *
 * The way into the script's folder stays a chdir(2) by its path: it may lead elsewhere since the last request, a
 * deployment's symbolic link for one.
 */

#include <fcntl.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/fd.h"

static int directory_fd = -1; /* the worker's */
static bool directory_left;   /* a script has changed it */

static zif_handler directory_change;

static ZEND_NAMED_FUNCTION(directory_on_change) {
        directory_left = true;
        directory_change(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_directory_start(void) {
        sapi_functions_watch("chdir", directory_on_change, &directory_change);
}

void sapi_directory_begin_worker(void) {
        directory_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory_fd >= 0)
                SG(options) |= SAPI_OPTION_NO_CHDIR;
}

void sapi_directory_enter(const char *script) {
        if (directory_fd < 0)
                return;
        if (sapi_fence_folder() >= 0)
                (void)!fchdir(sapi_fence_folder()); /* what is at its path now may be another one */
        else
                (void)VCWD_CHDIR_FILE(script);
}

void sapi_directory_leave(void) {
        directory_left = false;
        if (directory_fd >= 0)
                (void)!fchdir(directory_fd);
}

void sapi_directory_stay(void) {
        int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        directory_left = false;
        if (fd < 0)
                return;
        fd_close(directory_fd);
        directory_fd = fd;
}

/* Shutdown functions and destructors can change it too. php-fpm leaves that to later requests. */
void sapi_directory_end(void) {
        if (directory_left)
                sapi_directory_leave();
}
