/* SPDX-License-Identifier: MIT */
/*
 * Settings that depend on the request: php.ini's [HOST=...] and [PATH=...] sections, and the .user.ini files between
 * the document root and the script's folder. The files' values are kept for user_ini.cache_ttl seconds, one table for
 * each folder, in memory that outlives requests. Folders come from requests, so the number of tables is bounded; when
 * it is reached all are dropped.
 */

#include "sapi/internal.h"

#define FOLDERS_MAX 4096U

struct folder {
        double expires; /* PHP's request time, seconds */
        HashTable values;
};

static struct {
        bool ready;
        HashTable folders; /* path -> struct folder */
} cache;

static void userini_folder_free(zval *item) {
        struct folder *f = Z_PTR_P(item);

        zend_hash_destroy(&f->values);
        pefree(f, true);
}

static struct folder *userini_folder_get(const char *path, size_t n) {
        struct folder *f;

        if (!cache.ready) {
                zend_hash_init(&cache.folders, 8, NULL, userini_folder_free, true);
                cache.ready = true;
        }
        f = zend_hash_str_find_ptr(&cache.folders, path, n);
        if (f)
                return f;
        if (zend_hash_num_elements(&cache.folders) >= FOLDERS_MAX)
                zend_hash_clean(&cache.folders);
        f = pecalloc(1, sizeof(*f), true);
        zend_hash_init(&f->values, 8, NULL, config_zval_dtor, true);
        return zend_hash_str_update_ptr(&cache.folders, path, n, f);
}

/* Reads the files from the root's folder down to path's; of path's folder alone when it is not below the root. path
 * ends with a slash. */
static void userini_folder_read(struct folder *f, char *path, const char *root, size_t n_root) {
        const char *file = PG(user_ini_filename);

        zend_hash_clean(&f->values);
        if (strncmp(path, root, n_root) != 0) {
                php_parse_user_ini_file(path, file, &f->values);
                return;
        }
        for (char *p = path + n_root; (p = strchr(p, '/')); p++) {
                *p = '\0';
                php_parse_user_ini_file(path, file, &f->values);
                *p = '/';
        }
}

static void userini_activate_files(char *path, size_t n) {
        const char *root = SAPI_ENV("DOCUMENT_ROOT");
        size_t n_root = root ? strlen(root) : 0;
        double now = sapi_get_request_time();
        struct folder *f;

        if (!root)
                return;
        if (n_root > 0 && root[n_root - 1] == '/')
                n_root--;
        f = userini_folder_get(path, n);
        if (now > f->expires) {
                userini_folder_read(f, path, root, n_root);
                f->expires = now + (double)PG(user_ini_cache_ttl);
        }
        php_ini_activate_config(&f->values, ZEND_INI_PERDIR, ZEND_INI_STAGE_HTACCESS);
}

static void userini_activate_host(void) {
        const char *host = SAPI_ENV("SERVER_NAME");
        char *lower;

        if (!host)
                return;
        lower = estrdup(host);
        zend_str_tolower(lower, strlen(lower));
        php_ini_activate_per_host_config(lower, strlen(lower));
        efree(lower);
}

/* A short path is no request memory: PHP's allocator sets up a page for the first piece of each size. */
void sapi_userini_activate(const char *script) {
        bool files = PG(user_ini_filename) && *PG(user_ini_filename);
        const char *slash = strrchr(script, '/');
        size_t n = slash ? (size_t)(slash - script) + 1 : 0;
        char room[512], *path;

        if (php_ini_has_per_host_config())
                userini_activate_host();
        if (n == 0 || (!php_ini_has_per_dir_config() && !files))
                return;
        path = n < sizeof(room) ? room : emalloc(n + 1);
        memcpy(path, script, n);
        path[n] = '\0';
        php_ini_activate_per_dir_config(path, n);
        if (files)
                userini_activate_files(path, n);
        if (path != room)
                efree(path);
}

void sapi_userini_stop(void) {
        if (cache.ready)
                zend_hash_destroy(&cache.folders);
        cache.ready = false;
}
