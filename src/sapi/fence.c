/* SPDX-License-Identifier: MIT */
/*
 * security.exec_basedir and security.script_owner: which files a request may run.
 *
 *     admit: the script's real path -> below a folder of the list? -> opened from that folder, no link followed ->
 * whose is it? -> a .user.ini is read, PHP starts -> PHP opens the real path: is it the same file?
 *
 * Before PHP's request start-up, since a .user.ini beside a script that is kept out must not act either: it could name
 * a session, a log or a file to prepend. What is run is the real path, so that the folder whose .user.ini acts, and in
 * which relative includes are looked for, is the one that was checked, not one in which somebody has put a link.
 *
 * A path may be another file a moment later. So the file is held open, and what PHP opens has to be that one, by device
 * and inode; opcache opens it again when it compiles anew, so the look is where PHP opens files (zend_stream_open). No
 * file is opened when opcache has the script: it has it by its real path, which is checked likewise.
 *
 * The look is the kernel's (realpath(3), openat(2)), not that of PHP's cache of real paths, which is as old as
 * realpath_cache_ttl. It goes step by step, since openat2(2), which could do it in one, is not there in a unit with
 * RestrictSUIDSGID=: systemd's filter cannot see with which mode it would make a file.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

/* How often a path is looked up again that is another one by the time it is opened. */
#define FENCE_TRIES 3

/* A script that has been looked at. */
struct fence_look {
        char path[PATH_MAX]; /* the real one */
        int file, folder;    /* O_PATH */
        struct stat st;
        struct text reason; /* why it is kept out */
};

static struct fence_look fence_script = { .file = -1, .folder = -1 }; /* of the request in hand; file -1: none */

static bool fence_has_basedirs(void) {
        return sapi_module_pool()->exec_basedirs.n > 0;
}

static bool fence_asks_owner(void) {
        return sapi_module_pool()->script_owner == CONF_OWNER_POOL;
}

static void fence_look_done(struct fence_look *look) {
        look->file = fd_close(look->file);
        look->folder = fd_close(look->folder);
        text_done(&look->reason);
        look->reason = (struct text){ 0 };
}

/* What has this name in a folder; no link is followed. -ELOOP: where a folder is to be there is none, by now. */
static int fence_step(int from, const char *name, int flags) {
        int fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | flags);

        if (fd >= 0)
                return fd;
        return errno == ENOTDIR ? -ELOOP : -errno;
}

/* The folder with this real path. */
static int fence_walk(const char *path) {
        _cleanup_fd_ int at = fence_step(AT_FDCWD, "/", O_DIRECTORY);
        char name[NAME_MAX + 1];
        const char *word;
        size_t n;

        while (at >= 0 && (word = text_word(&path, "/", &n))) {
                int next;

                if (n >= sizeof(name))
                        return -ENAMETOOLONG;
                text_copy(name, sizeof(name), word, n);
                next = fence_step(at, name, O_DIRECTORY);
                fd_close(at);
                at = next;
        }
        return TAKE_FD(at);
}

/* The rest of the path below the folder, or NULL. Both are real paths. */
static const char *fence_below(const char *path, const char *folder) {
        size_t n = strlen(folder);

        n -= n > 0 && folder[n - 1] == '/';
        return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

/* The file of look->path. 0 or -errno. */
static int fence_open(struct fence_look *look) {
        const char *name = strrchr(look->path, '/') + 1;
        char folder[PATH_MAX];

        text_copy(folder, sizeof(folder), look->path, (size_t)(name - look->path));
        look->folder = fence_walk(folder);
        if (look->folder < 0)
                return look->folder;
        look->file = fence_step(look->folder, name, 0);
        if (look->file < 0)
                return look->file;
        if (fstat(look->file, &look->st) < 0)
                return -errno;
        return S_ISLNK(look->st.st_mode) ? -ELOOP : 0;
}

/* The folder of the list that it is below, as a real path; NULL: none. A pool without a list has all. */
static const char *fence_find_base(const char *path, char buf[static PATH_MAX]) {
        const struct conf_pairs *list = &sapi_module_pool()->exec_basedirs;

        for (size_t i = 0; i < list->n; i++)
                if (realpath(list->items[i].value, buf) && fence_below(path, buf))
                        return buf;
        return list->n == 0 ? "/" : NULL;
}

static bool fence_is_ours(const struct stat *st) {
        return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Who put it there: its owner, or who alone can write to its folder. */
static int fence_check_owner(struct fence_look *look) {
        struct stat folder;

        if (!fence_asks_owner() || fence_is_ours(&look->st))
                return 0;
        if (fstat(look->folder, &folder) < 0)
                return -errno;
        if (fence_is_ours(&folder) && (folder.st_mode & (S_IWGRP | S_IWOTH)) == 0)
                return 0;
        text_printf(&look->reason,
                    "'%s' belongs to uid %u, and its folder to uid %u (mode %04o): see security.script_owner",
                    look->path, look->st.st_uid, folder.st_uid, folder.st_mode & 07777);
        return SAPI_FENCE_E_DENIED;
}

/* Fills look. 0; SAPI_FENCE_E_DENIED with the reason; -errno: there is none to open; -ELOOP: the path has changed
 * meanwhile. */
static int fence_try(struct fence_look *look, const char *script) {
        char base[PATH_MAX];
        int r;

        if (!realpath(script, look->path))
                return -errno;
        if (!fence_find_base(look->path, base)) {
                text_printf(&look->reason, "its real path '%s' is outside of security.exec_basedir", look->path);
                return SAPI_FENCE_E_DENIED;
        }
        r = fence_open(look);
        if (r < 0)
                return r;
        if (!S_ISREG(look->st.st_mode)) {
                text_printf(&look->reason, "'%s' is no regular file", look->path);
                return SAPI_FENCE_E_DENIED;
        }
        return fence_check_owner(look);
}

static int fence_look(struct fence_look *look, const char *script) {
        int r = 0;

        *look = (struct fence_look){ .file = -1, .folder = -1 };
        for (unsigned i = 0; i < FENCE_TRIES; i++) {
                fence_look_done(look);
                r = fence_try(look, script);
                if (r != -ELOOP)
                        return r;
        }
        text_printf(&look->reason, "its path changes while it is looked at");
        return SAPI_FENCE_E_DENIED;
}

/* PHP remembers what links point to, for realpath_cache_ttl: a link in the place of this file that is gone. */
static void fence_forget_link(const char *path) {
        size_t n = strlen(path);
        const realpath_cache_bucket *known = realpath_cache_lookup(path, n, time(NULL));

        if (known && strcmp(known->realpath, path) != 0)
                realpath_cache_del(path, n);
}

int sapi_fence_admit(const char *script, const char **ret_path) {
        int r;

        *ret_path = script;
        if (!fence_has_basedirs() && !fence_asks_owner())
                return 0;
        r = fence_look(&fence_script, script);
        if (r == 0) {
                fence_forget_link(fence_script.path);
                *ret_path = fence_script.path;
        } else if (r < 0)
                fence_look_done(&fence_script);
        return r;
}

const char *sapi_fence_reason(void) {
        return text_peek(&fence_script.reason);
}

int sapi_fence_folder(void) {
        return fence_script.folder;
}

void sapi_fence_end(void) {
        fence_look_done(&fence_script);
}

/* The path by which opcache has it. */
static bool fence_holds_for_path(const char *path) {
        struct fence_look look;
        bool admitted;

        if (strcmp(path, fence_script.path) == 0)
                return true;
        admitted = fence_look(&look, path) == 0;
        fence_look_done(&look);
        return admitted;
}

/* What PHP has opened for the request's script. */
static bool fence_holds(const zend_file_handle *file) {
        php_stream_statbuf opened;
        php_stream *stream;

        if (file->type != ZEND_HANDLE_STREAM)
                return false;
        stream = file->handle.stream.handle;
        return php_stream_is(stream, PHP_STREAM_IS_STDIO) && php_stream_stat(stream, &opened) == 0 &&
               opened.sb.st_dev == fence_script.st.st_dev && opened.sb.st_ino == fence_script.st.st_ino;
}

static void fence_deny_opened(void) {
        sapi_current.denied = true;
        sapi_message_printf(LOG_LEVEL_NOTICE,
                            "Access to the script '%s' has been denied: it is another file than when it was looked at",
                            fence_script.path);
        errno = EACCES;
}

static zend_result (*fence_open_before)(zend_file_handle *file);

static zend_result fence_on_open(zend_file_handle *file) {
        bool primary = file->primary_script; /* PHP clears it when it opens the file */
        zend_result r = fence_open_before(file);

        if (r == FAILURE || !primary || fence_script.file < 0 || fence_holds(file))
                return r;
        if (file->type == ZEND_HANDLE_STREAM) {
                file->handle.stream.closer(file->handle.stream.handle);
                file->handle.stream.handle = NULL;
        }
        fence_deny_opened();
        return FAILURE;
}

bool sapi_fence_opened(const zend_file_handle *file) {
        if (fence_script.file < 0 || file->type != ZEND_HANDLE_FILENAME)
                return true;
        if (file->opened_path && fence_holds_for_path(ZSTR_VAL(file->opened_path)))
                return true;
        fence_deny_opened();
        return false;
}

void sapi_fence_start(void) {
        if (!fence_has_basedirs() && !fence_asks_owner())
                return;
        fence_open_before = zend_stream_open_function;
        zend_stream_open_function = fence_on_open;
}
