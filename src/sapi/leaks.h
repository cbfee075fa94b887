/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a request of worker.script has left behind: the files of the detector. leaks.c decides when it looks and tells;
 * leakwalk.c takes a picture of all values that outlive a request, from the roots of leakroots.c; leakdiff.c compares
 * two of them; leakstate.c does both for what is no value; leaksites.c knows which call changed that, leaklines.c where
 * a variable is declared.
 *
 * Pictures are in malloc()'s memory, since PHP's is one of the things that are looked at.
 */

#include "sapi/booted.h"

#include "base/text.h"

struct leaks_place {
        const char *file; /* NULL: not known */
        uint32_t line;
};

/* Whoever finds something says so. */
void sapi_leaks_tell(enum sapi_leak_kind kind, const char *name, const char *what, const struct leaks_place *place);

/* leakmap.c: numbers by 64-bit keys that are spread already. Zeroed: empty. put: false, when it has the key or memory
 * is out. get: UINT32_MAX, when it has not. */
struct leakmap {
        struct leakmap_entry *entries;
        size_t n, size;
};
bool sapi_leakmap_put(struct leakmap *m, uint64_t key, uint32_t value);
uint32_t sapi_leakmap_get(const struct leakmap *m, uint64_t key);
void sapi_leakmap_done(struct leakmap *m);

/* Where in a picture a value is, as its name is written. */
enum leakwalk_how {
        LEAKWALK_ROOT,     /* the label is all of it */
        LEAKWALK_PROPERTY, /* ->label */
        LEAKWALK_ELEMENT,  /* [label] */
        LEAKWALK_INNER,    /* {label}: what an extension's object holds */
        LEAKWALK_VARIABLE, /* 's $label: of a closure */
};

struct leakwalk_node {
        uint64_t key;    /* of the whole path */
        uint64_t n;      /* elements, or a string's bytes */
        uint64_t digest; /* of a scalar, or of an array's keys */
        const void *identity;
        const zend_class_entry *ce;    /* an object's */
        const zend_class_entry *owner; /* of a property */
        const zend_op_array *function; /* of a variable */
        const zval *initial;           /* of a static one: before code has changed it */
        const zval *value;             /* while it is added */
        const void *container;         /* during the walk: a zend_array or zend_object; NULL: neither */
        size_t label;                  /* in names */
        uint32_t parent;               /* UINT32_MAX: it is a root */
        uint32_t handle;               /* an object's, a resource's */
        uint8_t type;
        uint8_t how;
        bool told; /* or a value around it was */
};

struct leakwalk_class {
        const zend_class_entry *ce;
        uint64_t n; /* its living objects */
};

struct leakwalk {
        struct leakwalk_node *nodes;
        size_t n_nodes, size;
        struct leakwalk_class *classes;
        size_t n_classes;
        struct text names;
        struct leakmap index, seen;
        size_t memory; /* bytes: PHP's, after garbage collection */
        bool cut;      /* there is more than is looked at, or memory was out */
};

/* callback: of fpmd_handle_request(). */
void sapi_leakwalk_run(struct leakwalk *w, const zval *callback);
void sapi_leakwalk_done(struct leakwalk *w);
/* For roots. The node says parent, how, owner, function, initial and value. */
void sapi_leakwalk_add(struct leakwalk *w, struct leakwalk_node n, const char *label, size_t n_label);
/* Type, size and digest of a value. */
void sapi_leakwalk_measure(struct leakwalk_node *n, const zval *value);

/* leakroots.c: static properties, static variables, globals, the variables of what runs. */
void sapi_leakroots_add(struct leakwalk *w, const zval *callback);

/* leakdiff.c: tells what of after has grown or changed. */
void sapi_leakdiff_tell(struct leakwalk *before, struct leakwalk *after);

/* leaklines.c */
void sapi_leaklines_of_property(const zend_class_entry *ce, const char *name, struct leaks_place *ret);
void sapi_leaklines_of_variable(const zend_op_array *function, const char *name, struct leaks_place *ret);
void sapi_leaklines_of_global(const char *name, struct leaks_place *ret);

/* THE table of what is no value of PHP's: kind, and what it is called; %s is its name. */
/* clang-format off */
#define LEAKSTATE_KINDS(X)                                                                                             \
        X(INI,        "setting %s")                                                                                    \
        X(ENV,        "environment variable %s")                                                                       \
        X(DIRECTORY,  "the working directory%s")                                                                       \
        X(UMASK,      "the umask%s")                                                                                   \
        X(ERRORS,     "the error handler%s")                                                                           \
        X(EXCEPTIONS, "the exception handler%s")                                                                       \
        X(WRAPPER,    "stream wrapper %s")                                                                             \
        X(AUTOLOADER, "autoloader %s")                                                                                 \
        X(SHUTDOWN,   "shutdown function %s, which runs at the next request's end,")                                   \
        X(DESCRIPTOR, "descriptor %s")
/* clang-format on */
enum leakstate_kind {
#define X(symbol, text) LEAKSTATE_##symbol,
        LEAKSTATE_KINDS(X)
#undef X
};

struct leakstate_item {
        enum leakstate_kind kind;
        char *name;
        char *value;
        bool secret; /* the value is not for logs */
};
struct leakstate {
        struct leakstate_item *items;
        size_t n;
};
void sapi_leakstate_look(struct leakstate *s);
void sapi_leakstate_done(struct leakstate *s);
/* end: when the request's code had come to its end, and nothing was put back yet. */
void sapi_leakstate_tell(const struct leakstate *before, const struct leakstate *end, const struct leakstate *after);

/* leaksites.c: calls that change such things. record: whether they are noted from now on. find: the last one; name as
 * the item's. */
void sapi_leaksites_record(bool on);
bool sapi_leaksites_find(enum leakstate_kind kind, const char *name, struct leaks_place *ret);
