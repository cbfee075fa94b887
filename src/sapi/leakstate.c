/* SPDX-License-Identifier: MIT */
/*
 * What a request can leave behind that is no value: settings, environment, handlers, descriptors and their like, as a
 * list of names and values, looked at when nothing runs.
 *
 * What differs between the end of the request's code and the time before, but no more after, is what fpmd has put back:
 * it is told as such, when a call is known that has changed it, since other servers of this kind do not put it back.
 */

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sapi/leaks.h"

extern char **environ;

/* The strings are copied. */
static void leakstate_add(struct leakstate *s, struct leakstate_item item) {
        struct leakstate_item *items = reallocarray(s->items, s->n + 1, sizeof(*items));

        if (!items)
                return;
        s->items = items;
        item.name = strdup(item.name);
        item.value = strdup(item.value);
        if (item.name && item.value) {
                items[s->n++] = item;
                return;
        }
        free(item.name);
        free(item.value);
}

static void leakstate_add_settings(struct leakstate *s) {
        const zend_ini_entry *e;

        if (!EG(modified_ini_directives))
                return;
        ZEND_HASH_FOREACH_PTR(EG(modified_ini_directives), e) {
                leakstate_add(s, (struct leakstate_item){ .kind = LEAKSTATE_INI,
                                                          .name = ZSTR_VAL(e->name),
                                                          .value = e->value ? ZSTR_VAL(e->value) : (char *)"",
                                                          .secret = true });
        }
        ZEND_HASH_FOREACH_END();
}

static void leakstate_add_environment(struct leakstate *s) {
        for (char **e = environ; e && *e; e++) {
                size_t n = strcspn(*e, "=");
                _cleanup_free_ char *name = strndup(*e, n);

                if (name)
                        leakstate_add(s,
                                      (struct leakstate_item){
                                              .kind = LEAKSTATE_ENV, .name = name, .value = *e + n, .secret = true });
        }
}

static void leakstate_add_process(struct leakstate *s) {
        mode_t mask = umask(077);
        char text[16], directory[PATH_MAX];

        (void)umask(mask);
        snprintf(text, sizeof(text), "%04o", (unsigned)mask);
        leakstate_add(s, (struct leakstate_item){ .kind = LEAKSTATE_UMASK, .name = (char *)"", .value = text });
        if (VCWD_GETCWD(directory, sizeof(directory)))
                leakstate_add(s, (struct leakstate_item){
                                         .kind = LEAKSTATE_DIRECTORY, .name = (char *)"", .value = directory });
}

/* The name of a callable; NULL stands for none. */
static zend_string *leakstate_name_callable(zval *callable) {
        return Z_TYPE_P(callable) == IS_UNDEF ? NULL : zend_get_callable_name(callable);
}

static void leakstate_add_handler(struct leakstate *s, enum leakstate_kind kind, zval *handler, int depth) {
        zend_string *name = leakstate_name_callable(handler);
        _cleanup_text_ struct text value = {};

        text_append(&value, name ? ZSTR_VAL(name) : "none");
        if (depth > 1)
                text_printf(&value, " (%d deep)", depth);
        leakstate_add(s, (struct leakstate_item){ .kind = kind, .name = (char *)"", .value = value.data });
        if (name)
                zend_string_release(name);
}

static void leakstate_add_wrappers(struct leakstate *s) {
        const php_stream_wrapper *w;
        zend_string *protocol;

        ZEND_HASH_FOREACH_STR_KEY_PTR(php_stream_get_url_stream_wrappers_hash(), protocol, w) {
                char value[32];

                snprintf(value, sizeof(value), "%p", (const void *)w);
                if (protocol)
                        leakstate_add(s, (struct leakstate_item){ .kind = LEAKSTATE_WRAPPER,
                                                                  .name = ZSTR_VAL(protocol),
                                                                  .value = value,
                                                                  .secret = true });
        }
        ZEND_HASH_FOREACH_END();
}

static void leakstate_add_callable(struct leakstate *s, enum leakstate_kind kind, zval *callable, size_t number) {
        zend_string *name = leakstate_name_callable(callable);
        _cleanup_text_ struct text t = {};

        text_printf(&t, "%zu (%s)", number, name ? ZSTR_VAL(name) : "none");
        leakstate_add(s, (struct leakstate_item){ .kind = kind, .name = t.data, .value = (char *)"" });
        if (name)
                zend_string_release(name);
}

static void leakstate_add_autoloaders(struct leakstate *s) {
        zval function, list, *callable;
        size_t n = 0;

        ZVAL_STRING(&function, "spl_autoload_functions");
        ZVAL_UNDEF(&list);
        (void)call_user_function(NULL, NULL, &function, &list, 0, NULL);
        zval_ptr_dtor(&function);
        if (Z_TYPE(list) == IS_ARRAY) {
                ZEND_HASH_FOREACH_VAL(Z_ARRVAL(list), callable) {
                        leakstate_add_callable(s, LEAKSTATE_AUTOLOADER, callable, ++n);
                }
                ZEND_HASH_FOREACH_END();
        }
        zval_ptr_dtor(&list);
}

static void leakstate_add_shutdown_functions(struct leakstate *s) {
        php_shutdown_function_entry *e;
        size_t n = 0;

        if (!BG(user_shutdown_function_names))
                return;
        ZEND_HASH_FOREACH_PTR(BG(user_shutdown_function_names), e) {
                leakstate_add_callable(s, LEAKSTATE_SHUTDOWN, &e->fci.function_name, ++n);
        }
        ZEND_HASH_FOREACH_END();
}

static php_stream *leakstate_find_stream(const HashTable *list, int fd) {
        zend_resource *r;

        ZEND_HASH_FOREACH_PTR((HashTable *)list, r) {
                php_stream *s = r->type == php_file_le_stream() || r->type == php_file_le_pstream() ? r->ptr : NULL;
                int own = -1;

                if (s && php_stream_cast(s, PHP_STREAM_AS_FD | PHP_STREAM_CAST_INTERNAL, (void *)&own, 0) == SUCCESS &&
                    own == fd)
                        return s;
        }
        ZEND_HASH_FOREACH_END();
        return NULL;
}

/* One that persists is meant to. Its name is its stream's number, by which the call is found that has opened it. */
static void leakstate_add_descriptor(struct leakstate *s, int fd) {
        const php_stream *stream = leakstate_find_stream(&EG(regular_list), fd);
        char link[64], target[256], name[16];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, target, sizeof(target) - 1);
        if (n < 0 || (!stream && leakstate_find_stream(&EG(persistent_list), fd)))
                return;
        target[n] = '\0';
        snprintf(name, sizeof(name), "%d", stream && stream->res ? (int)stream->res->handle : -fd);
        leakstate_add(s, (struct leakstate_item){ .kind = LEAKSTATE_DESCRIPTOR, .name = name, .value = target });
}

static void leakstate_add_descriptors(struct leakstate *s) {
        DIR *dir = opendir("/proc/self/fd");
        const struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
                        leakstate_add_descriptor(s, atoi(entry->d_name));
        if (dir)
                closedir(dir);
}

void sapi_leakstate_look(struct leakstate *s) {
        leakstate_add_settings(s);
        leakstate_add_environment(s);
        leakstate_add_process(s);
        leakstate_add_handler(s, LEAKSTATE_ERRORS, &EG(user_error_handler), EG(user_error_handlers).top);
        leakstate_add_handler(s, LEAKSTATE_EXCEPTIONS, &EG(user_exception_handler), EG(user_exception_handlers).top);
        leakstate_add_wrappers(s);
        leakstate_add_autoloaders(s);
        leakstate_add_shutdown_functions(s);
        leakstate_add_descriptors(s);
}

void sapi_leakstate_done(struct leakstate *s) {
        for (size_t i = 0; i < s->n; i++) {
                free(s->items[i].name);
                free(s->items[i].value);
        }
        free(s->items);
        *s = (struct leakstate){};
}

static const struct leakstate_item *leakstate_find(const struct leakstate *s, const struct leakstate_item *like) {
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].kind == like->kind && strcmp(s->items[i].name, like->name) == 0)
                        return &s->items[i];
        return NULL;
}

static bool leakstate_is_same(const struct leakstate_item *a, const struct leakstate_item *b) {
        return (!a && !b) || (a && b && strcmp(a->value, b->value) == 0);
}

static const char *leakstate_format(enum leakstate_kind kind) {
        static const char *const formats[] = {
#define X(symbol, text) [LEAKSTATE_##symbol] = text,
                LEAKSTATE_KINDS(X)
#undef X
        };
        return formats[kind];
}

/* "is new", "is gone", "changed from X to Y". */
static void leakstate_describe(const struct leakstate_item *before, const struct leakstate_item *now, struct text *t) {
        if (!before && now->kind == LEAKSTATE_DESCRIPTOR)
                text_printf(t, "is left open: %s", now->value);
        else if (!before || !now)
                text_append(t, before ? "is gone" : "is new");
        else if (now->secret)
                text_append(t, "changed");
        else
                text_printf(t, "changed from %s to %s", before->value, now->value);
}

static void leakstate_tell_item(enum sapi_leak_kind kind, const struct leakstate_item *before,
                                const struct leakstate_item *now) {
        const struct leakstate_item *any = now ?: before;
        _cleanup_text_ struct text what = {}, name = {};
        const char *format = leakstate_format(any->kind), *at = strstr(format, "%s");
        struct leaks_place place = {};

        if (!sapi_leaksites_find(any->kind, any->name, &place) && kind == SAPI_LEAK_PUT_BACK)
                return; /* the web server has set it, or fpmd */
        text_append_n(&name, format, (size_t)(at - format));
        text_append(&name, any->kind == LEAKSTATE_DESCRIPTOR && any->name[0] == '-' ? any->name + 1 : any->name);
        text_append(&name, at + 2);
        leakstate_describe(before, now, &what);
        sapi_leaks_tell(kind, text_peek(&name), text_peek(&what), &place);
}

/* A descriptor that is gone is closed. */
static void leakstate_tell_differences(const struct leakstate *before, const struct leakstate *now,
                                       const struct leakstate *after) {
        for (size_t i = 0; i < now->n; i++) {
                const struct leakstate_item *item = &now->items[i], *old = leakstate_find(before, item);
                bool stays = leakstate_is_same(leakstate_find(after, item), item);

                if (leakstate_is_same(old, item) || (item->kind == LEAKSTATE_DESCRIPTOR && !stays))
                        continue;
                leakstate_tell_item(!stays ? SAPI_LEAK_PUT_BACK : old ? SAPI_LEAK_CHANGED : SAPI_LEAK_GREW, old, item);
        }
        for (size_t i = 0; i < before->n; i++) {
                const struct leakstate_item *item = &before->items[i];

                if (item->kind == LEAKSTATE_DESCRIPTOR || leakstate_find(now, item))
                        continue;
                leakstate_tell_item(leakstate_find(after, item) ? SAPI_LEAK_PUT_BACK : SAPI_LEAK_CHANGED, item, NULL);
        }
}

/* What is as before in the end, and was not when the request's code had ended, is put back. What code between two
 * requests has done is seen in the end alone. */
void sapi_leakstate_tell(const struct leakstate *before, const struct leakstate *end, const struct leakstate *after) {
        struct leakstate late = {};

        leakstate_tell_differences(before, end, after);
        for (size_t i = 0; i < after->n; i++)
                if (!leakstate_is_same(leakstate_find(end, &after->items[i]), &after->items[i]))
                        leakstate_add(&late, after->items[i]);
        for (size_t i = 0; i < late.n; i++) {
                const struct leakstate_item *old = leakstate_find(before, &late.items[i]);

                if (!leakstate_is_same(old, &late.items[i]))
                        leakstate_tell_item(old ? SAPI_LEAK_CHANGED : SAPI_LEAK_GREW, old, &late.items[i]);
        }
        sapi_leakstate_done(&late);
}
