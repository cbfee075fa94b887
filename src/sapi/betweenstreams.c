/* SPDX-License-Identifier: MIT */
/*
 * Streams: the default context, wrappers and filters, the folder that readdir() reads where it is given none, and the
 * headers of the last reply that PHP has had from a server. What the application holds open stays open.
 */

#include "sapi/booted.h"

#define BETWEENSTREAMS_NO_FOLDER (-1)

static struct {
        HashTable *wrappers; /* a copy; NULL: PHP's own alone */
        HashTable *filters;
        php_stream_context *context;
        zval context_options;
        bool notifies;                 /* the context does */
        zend_long folder, boot_folder; /* the number of the resource that was opened last; negative: there is none */
} betweenstreams = { .folder = BETWEENSTREAMS_NO_FOLDER, .boot_folder = BETWEENSTREAMS_NO_FOLDER };

/*   function    of which PHP notes the folder */
#define BETWEENSTREAMS_OPENERS(X)                                                                                      \
        X(opendir)                                                                                                     \
        X(dir)

/*   function    whose folder is that one, without an argument */
#define BETWEENSTREAMS_READERS(X)                                                                                      \
        X(readdir)                                                                                                     \
        X(rewinddir)                                                                                                   \
        X(closedir)

static void betweenstreams_note_folder(zval *opened) {
        zval buffer, *handle = opened;

        if (Z_TYPE_P(opened) == IS_OBJECT)
                handle = zend_read_property(Z_OBJCE_P(opened), Z_OBJ_P(opened), "handle", sizeof("handle") - 1, true,
                                            &buffer);
        if (Z_TYPE_P(handle) == IS_RESOURCE)
                betweenstreams.folder = Z_RES_HANDLE_P(handle);
}

#define X(name)                                                                                                        \
        static zif_handler betweenstreams_##name;                                                                      \
        static ZEND_NAMED_FUNCTION(betweenstreams_on_##name) {                                                         \
                betweenstreams_##name(INTERNAL_FUNCTION_PARAM_PASSTHRU);                                               \
                betweenstreams_note_folder(return_value);                                                              \
        }
BETWEENSTREAMS_OPENERS(X)
#undef X

/* Null is none. */
static bool betweenstreams_names_folder(zend_execute_data *execute_data) {
        return ZEND_NUM_ARGS() > 1 || (ZEND_NUM_ARGS() == 1 && Z_TYPE_P(ZEND_CALL_ARG(execute_data, 1)) != IS_NULL);
}

/* PHP keeps the one of an earlier request, and has no function to forget it. */
#define X(name)                                                                                                        \
        static zif_handler betweenstreams_##name;                                                                      \
        static ZEND_NAMED_FUNCTION(betweenstreams_on_##name) {                                                         \
                if (betweenstreams_names_folder(execute_data) || betweenstreams.folder != BETWEENSTREAMS_NO_FOLDER)    \
                        betweenstreams_##name(INTERNAL_FUNCTION_PARAM_PASSTHRU);                                       \
                else                                                                                                   \
                        zend_type_error("No resource supplied");                                                       \
        }
BETWEENSTREAMS_READERS(X)
#undef X

void sapi_betweenstreams_start(void) {
#define X(name) sapi_functions_watch(#name, betweenstreams_on_##name, &betweenstreams_##name);
        BETWEENSTREAMS_OPENERS(X)
        BETWEENSTREAMS_READERS(X)
#undef X
}

static HashTable *betweenstreams_copy(const HashTable *from) {
        HashTable *copy;

        if (!from)
                return NULL;
        ALLOC_HASHTABLE(copy);
        zend_hash_init(copy, zend_hash_num_elements(from), NULL, NULL, false);
        zend_hash_copy(copy, (HashTable *)from, NULL);
        return copy;
}

/* The request's own table goes. */
static void betweenstreams_put_table_back(HashTable **now, const HashTable *boot) {
        HashTable *own = *now;

        if (!own && !boot)
                return;
        *now = betweenstreams_copy(boot);
        if (own) {
                zend_hash_destroy(own);
                FREE_HASHTABLE(own);
        }
}

/* What PHP counts who holds a wrapper of a class of the script's by; NULL: it is of no class, or has gone. */
static zend_resource *betweenstreams_find_resource(const php_stream_wrapper *w) {
        zend_resource *r;

        if (!w->abstract)
                return NULL;
        ZEND_HASH_FOREACH_PTR(&EG(regular_list), r) {
                if (r->ptr == w->abstract)
                        return r;
        }
        ZEND_HASH_FOREACH_END();
        return NULL;
}

static bool betweenstreams_is_used(const php_stream_wrapper *w) {
        zend_resource *r;

        ZEND_HASH_FOREACH_PTR(&EG(regular_list), r) {
                const php_stream *s = r->type == php_file_le_stream() ? r->ptr : NULL;

                if (s && s->wrapper == w)
                        return true;
        }
        ZEND_HASH_FOREACH_END();
        return false;
}

/* One that a stream still goes through stays. */
static void betweenstreams_free_wrapper(const php_stream_wrapper *w) {
        zend_resource *own = betweenstreams_find_resource(w);

        if (own && !betweenstreams_is_used(w))
                zend_list_delete(own);
}

/* stream_wrapper_unregister() lets go of a wrapper, which the boot's table has all the same: it is held once more than
 * PHP knows of, anew for each of the table that is not in now. */
static void betweenstreams_hold_wrappers(const HashTable *now) {
        const php_stream_wrapper *w;
        zend_resource *r;
        zend_string *name;

        if (!betweenstreams.wrappers)
                return;
        ZEND_HASH_FOREACH_STR_KEY_PTR(betweenstreams.wrappers, name, w) {
                if (now && zend_hash_find_ptr(now, name) == w)
                        continue;
                r = betweenstreams_find_resource(w);
                if (r)
                        GC_ADDREF(r);
        }
        ZEND_HASH_FOREACH_END();
}

/* What stream_wrapper_register() has made for the request PHP frees with all resources alone, when the script ends. */
static void betweenstreams_free_wrappers(void) {
        const HashTable *boot = betweenstreams.wrappers ?: php_stream_get_url_stream_wrappers_hash_global();
        const php_stream_wrapper *w;
        zend_string *name;

        if (!FG(stream_wrappers))
                return;
        ZEND_HASH_FOREACH_STR_KEY_PTR(FG(stream_wrappers), name, w) {
                if (zend_hash_find_ptr(boot, name) != w)
                        betweenstreams_free_wrapper(w);
        }
        ZEND_HASH_FOREACH_END();
}

/* Of filters PHP has a second table, of their classes; a name that is in it cannot be registered again. */
static void betweenstreams_forget_filters(void) {
        zend_string *name;

        if (!BG(user_filter_map))
                return;
        ZEND_HASH_FOREACH_STR_KEY(BG(user_filter_map), name) {
                if (!betweenstreams.filters || !zend_hash_exists(betweenstreams.filters, name))
                        zend_hash_del(BG(user_filter_map), name);
        }
        ZEND_HASH_FOREACH_END();
}

static void betweenstreams_put_context_back(void) {
        php_stream_context *now = FG(default_context);

        if (!now)
                return;
        if (now != betweenstreams.context) {
                FG(default_context) = betweenstreams.context;
                zend_list_delete(now->res);
                return;
        }
        zval_ptr_dtor(&now->options);
        ZVAL_DUP(&now->options, &betweenstreams.context_options);
        if (now->notifier && !betweenstreams.notifies) {
                php_stream_notification_free(now->notifier);
                now->notifier = NULL;
        }
}

/* One that nobody else holds is closed. */
static void betweenstreams_forget_folder(void) {
        zend_resource *r;

        if (betweenstreams.folder == betweenstreams.boot_folder)
                return;
        r = zend_hash_index_find_ptr(&EG(regular_list), (zend_ulong)betweenstreams.folder);
        if (r && r->type == php_file_le_stream() && GC_REFCOUNT(r) == 1)
                zend_list_close(r);
        betweenstreams.folder = betweenstreams.boot_folder = BETWEENSTREAMS_NO_FOLDER;
}

void sapi_betweenstreams_remember(void) {
        betweenstreams.wrappers = betweenstreams_copy(FG(stream_wrappers));
        betweenstreams_hold_wrappers(NULL);
        betweenstreams.filters = betweenstreams_copy(FG(stream_filters));
        betweenstreams.context = FG(default_context);
        ZVAL_UNDEF(&betweenstreams.context_options);
        if (betweenstreams.context)
                ZVAL_DUP(&betweenstreams.context_options, &betweenstreams.context->options);
        betweenstreams.notifies = betweenstreams.context && betweenstreams.context->notifier;
        betweenstreams.boot_folder = betweenstreams.folder;
        SAPI_COMPAT_FORGET_HTTP_HEADERS();
}

void sapi_betweenstreams_back(void) {
        betweenstreams_put_context_back();
        betweenstreams_hold_wrappers(FG(stream_wrappers));
        betweenstreams_free_wrappers();
        betweenstreams_put_table_back(&FG(stream_wrappers), betweenstreams.wrappers);
        betweenstreams_put_table_back(&FG(stream_filters), betweenstreams.filters);
        betweenstreams_forget_filters();
        betweenstreams_forget_folder();
        SAPI_COMPAT_FORGET_HTTP_HEADERS();
}

void sapi_betweenstreams_free_body(php_stream *body) {
        zend_resource *r;

        ZEND_HASH_FOREACH_PTR(&EG(regular_list), r) {
                const php_stream *s = r->type == php_file_le_stream() ? r->ptr : NULL;

                if (s && strcmp(s->ops->label, "Input") == 0) {
                        php_stream_truncate_set_size(body, 0);
                        return;
                }
        }
        ZEND_HASH_FOREACH_END();
        php_stream_free(body, PHP_STREAM_FREE_CLOSE);
}
