/* SPDX-License-Identifier: MIT */
/*
 * A script runs in its own folder; what comes before and after it, shutdown functions and destructors included, in the
 * worker's: the pool's chdir, or where its zygote was. PHP asks for the current directory before it changes it, in each
 * request. Here the worker's is opened once, and gone back to by its descriptor.
 *
 * The way into the script's folder stays a chdir(2) by its path: it may lead elsewhere since the last request, a
 * deployment's symbolic link for one.
 *
 * In a thread-safe PHP the current directory is a path that each thread has for itself, and a relative path is looked
 * up from there by PHP. It begins each request with the zygote's, so there the worker's is entered in each; the
 * process's own stays the worker's.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "sapi/internal.h"

#include "base/fd.h"
#include "base/text.h"

static bool directory_left; /* a script has changed it */

static zif_handler directory_change;

static ZEND_NAMED_FUNCTION(directory_on_change) {
        directory_left = true;
        directory_change(INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

void sapi_directory_start(void) {
        sapi_functions_watch("chdir", directory_on_change, &directory_change);
}

/* note_first: the worker begins, and PHP knows nothing of its directory yet. */
#ifdef VIRTUAL_DIR

static char directory_path[PATH_MAX]; /* the worker's; "": it has none */

static bool directory_note_first(void) {
        return getcwd(directory_path, sizeof(directory_path));
}

static void directory_note(void) {
        if (!VCWD_GETCWD(directory_path, sizeof(directory_path)))
                directory_path[0] = '\0';
}

static void directory_go_back(void) {
        if (directory_path[0])
                (void)VCWD_CHDIR(directory_path);
}

/* PHP would remember where a link in the path has led. */
static void directory_go_to(const char *script) {
        const char *slash = strrchr(script, '/');
        char folder[PATH_MAX], real[PATH_MAX];

        if (!slash)
                return;
        text_copy(folder, sizeof(folder), script, MAX((size_t)(slash - script), (size_t)1));
        if (realpath(folder, real))
                (void)VCWD_CHDIR(real);
}

void sapi_directory_begin_request(void) {
        directory_go_back();
}

#else

static int directory_fd = -1; /* the worker's; -1: it has none */

static bool directory_note_first(void) {
        int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return false;
        fd_close(directory_fd);
        directory_fd = fd;
        return true;
}

static void directory_note(void) {
        (void)directory_note_first();
}

static void directory_go_back(void) {
        if (directory_fd >= 0)
                (void)!fchdir(directory_fd);
}

static void directory_go_to(const char *script) {
        if (directory_fd < 0)
                return;
        if (sapi_fence_folder() >= 0)
                (void)!fchdir(sapi_fence_folder()); /* what is at its path now may be another one */
        else
                (void)VCWD_CHDIR_FILE(script);
}

void sapi_directory_begin_request(void) {
}

#endif

void sapi_directory_begin_worker(void) {
        if (directory_note_first())
                SG(options) |= SAPI_OPTION_NO_CHDIR;
}

void sapi_directory_enter(const char *script) {
        directory_go_to(script);
}

void sapi_directory_leave(void) {
        directory_left = false;
        directory_go_back();
}

void sapi_directory_stay(void) {
        directory_left = false;
        directory_note();
}

/* Shutdown functions and destructors can change it too. php-fpm leaves that to later requests. */
bool sapi_directory_end(void) {
        bool left = directory_left;

        if (left)
                sapi_directory_leave();
        return left;
}
