/* SPDX-License-Identifier: MIT */
/*
 * A booted process whose forks serve one request each (worker.requests = 1).
 *
 * A fork ends as a request does that nobody follows: what can be seen from outside happens, and memory goes with the
 * process. So its shutdown functions and destructors run, what it has opened is closed in PHP's ways (a database hears
 * that its client goes, a temporary file is removed, a filter writes its rest), and extensions that are not known here
 * have their request's end. What the boot has opened stays: it is the other forks' as well.
 */

#include <dlfcn.h>

#include "sapi/booted.h"

static struct {
        bool has_session;                        /* the boot has left one open */
        void (*sqlite_random)(int n, void *ret); /* sqlite3_randomness(); NULL: SQLite is not there */
        zend_object **objects;
        uint32_t n_objects;       /* in PHP's store when the boot had ended */
        zend_ulong next_resource; /* the first number of one that it has not made */
} template;

/* Of extensions whose objects are memory and nothing else. */
static const char *const template_plain[] = { "Core",      "SPL",       "standard", "date",  "Reflection",
                                              "json",      "dom",       "libxml",   "xml",   "hash",
                                              "random",    "mbstring",  "filter",   "ctype", "intl",
                                              "SimpleXML", "tokenizer", "iconv",    "pcre",  "Zend OPcache" };

void sapi_template_look(void) {
        template.has_session = SAPI_COMPAT_HAS_SESSION() && PS(session_status) == php_session_active;
        template.sqlite_random = (void (*)(int, void *))dlsym(RTLD_DEFAULT, "sqlite3_randomness");
}

/* Generators of random numbers that have a state of their own, and do not see that this is another process. */
void sapi_template_begin(void) {
        if (template.sqlite_random)
                template.sqlite_random(0, NULL); /* seeded anew: sqlite.org/c3ref/randomness.html */
}

static bool template_is_plain(const zend_object *o) {
        const zend_class_entry *ce = o->ce;

        while (ce->type == ZEND_USER_CLASS && ce->parent)
                ce = ce->parent;
        if (ce->type == ZEND_USER_CLASS)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(template_plain); i++)
                if (strcmp(ce->info.internal.module->name, template_plain[i]) == 0)
                        return true;
        return false;
}

static zend_object *template_object(uint32_t i) {
        zend_object *o = EG(objects_store).object_buckets[i];

        return IS_OBJ_VALID(o) ? o : NULL;
}

/* Does anything that is alive go through a connection that persists? Some have no way to tell: then it may. */
static bool template_may_use_persistent(void) {
        zend_resource *r;

        for (uint32_t i = 1; i < EG(objects_store).top; i++) {
                const zend_object *o = template_object(i);

                if (o && !template_is_plain(o))
                        return true;
        }
        ZEND_HASH_FOREACH_PTR(&EG(regular_list), r) {
                const char *type = zend_rsrc_list_get_rsrc_type(r);

                if (type && strstr(type, "persistent"))
                        return true;
        }
        ZEND_HASH_FOREACH_END();
        return false;
}

const char *sapi_template_problem(void) {
        if (zend_hash_num_elements(&EG(persistent_list)) > 0 && !template_may_use_persistent())
                zend_hash_clean(&EG(persistent_list));
        if (template.has_session)
                return "a session is open (session_start() without session_write_close())";
        return NULL;
}

const char *sapi_template_stream(int fd) {
        zend_resource *r;

        ZEND_HASH_FOREACH_PTR(&EG(regular_list), r) {
                php_stream *s = r->type == php_file_le_stream() || r->type == php_file_le_pstream() ? r->ptr : NULL;
                int own = -1;

                if (s && php_stream_cast(s, PHP_STREAM_AS_FD | PHP_STREAM_CAST_INTERNAL, (void *)&own, 0) == SUCCESS &&
                    own == fd)
                        return s->orig_path;
        }
        ZEND_HASH_FOREACH_END();
        return NULL;
}

/* Garbage is collected once, here, and not in each fork. */
void sapi_template_remember(void) {
        (void)zend_gc_collect_cycles();
        (void)zend_mm_gc(zend_mm_get_heap());
        sapi_cachememory_gather();
        template.next_resource = (zend_ulong)EG(regular_list).nNextFreeElement;
        template.objects = calloc(EG(objects_store).top, sizeof(*template.objects));
        if (!template.objects)
                return;
        template.n_objects = EG(objects_store).top;
        for (uint32_t i = 1; i < template.n_objects; i++)
                template.objects[i] = template_object(i);
}

/* Garbage goes with the process. A look for it, which frameworks take after each request, would write to all of the
 * boot's memory, and so copy it. */
static int template_collect_nothing(void) {
        return 0;
}

void sapi_template_request_over(void) {
        gc_collect_cycles = template_collect_nothing;
        (void)gc_protect(true);
}

static void template_call_destructors(void) {
        for (uint32_t i = 1; i < EG(objects_store).top; i++) { /* they may make more */
                zend_object *o = template_object(i);

                if (!o || OBJ_FLAGS(o) & IS_OBJ_DESTRUCTOR_CALLED ||
                    (!o->ce->destructor && o->handlers->dtor_obj == zend_objects_destroy_object))
                        continue;
                GC_ADD_FLAGS(o, IS_OBJ_DESTRUCTOR_CALLED);
                GC_ADDREF(o);
                o->handlers->dtor_obj(o);
                GC_DELREF(o);
        }
}

/* From this number on. */
static void template_close_resources(zend_ulong first) {
        for (zend_ulong i = (zend_ulong)EG(regular_list).nNextFreeElement; i-- > first;) {
                zend_resource *r = zend_hash_index_find_ptr(&EG(regular_list), i);

                if (r)
                        zend_list_close(r);
        }
}

/* Those of the fork alone, and of those what is more than memory: connections, above all. */
static void template_free_objects(void) {
        for (uint32_t i = EG(objects_store).top; i-- > 1;) {
                zend_object *o = template_object(i);

                if (!o || OBJ_FLAGS(o) & IS_OBJ_FREE_CALLED || o->handlers->free_obj == zend_object_std_dtor ||
                    (i < template.n_objects && template.objects[i] == o) || template_is_plain(o))
                        continue;
                GC_ADD_FLAGS(o, IS_OBJ_FREE_CALLED);
                GC_ADDREF(o);
                o->handlers->free_obj(o);
        }
}

static void template_close(void) {
        template_close_resources(template.next_resource);
        template_free_objects();
        zend_hash_clean(&EG(persistent_list));
}

/* What ends by a long jump is over, and the rest goes on. */
static void template_try(void (*step)(void)) {
        zend_try {
                step();
        }
        zend_end_try();
}

void sapi_template_end(void) {
        EG(current_execute_data) = NULL;
        SAPI_COMPAT_FORGET_OOM();
        php_call_shutdown_functions();
        template_try(template_call_destructors);
        template_try(php_output_end_all);
        zend_unset_timeout();
        template_try(sapi_betweenmodules_end);
        template_try(sapi_betweenmodules_end_unknown);
        template_try(template_close);
}

static void template_close_all(void) {
        template_close_resources(1);
}

void sapi_template_close(void) {
        template_try(template_close_all);
}
