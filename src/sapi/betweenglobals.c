/* SPDX-License-Identifier: MIT */
/*
 * Superglobals. A request gets its own, and outside of requests the script sees those of its boot. $_ENV is the boot's
 * in requests as well: it is where applications put the settings that they have read from files. $_SESSION is
 * betweensession.c's.
 *
 * PHP makes $_SERVER and $_REQUEST when code that names them is compiled. That code is compiled already: one that has
 * been made before is made in each request.
 */

#include "sapi/booted.h"

static struct {
        const char *name;
        int track; /* in PG(http_globals); -1: none */
        zval boot; /* UNDEF: there was none */
} betweenglobals[] = {
        { .name = "_GET", .track = TRACK_VARS_GET },
        { .name = "_POST", .track = TRACK_VARS_POST },
        { .name = "_COOKIE", .track = TRACK_VARS_COOKIE },
        { .name = "_FILES", .track = TRACK_VARS_FILES },
        { .name = "_SERVER", .track = TRACK_VARS_SERVER },
        { .name = "_ENV", .track = TRACK_VARS_ENV },
        { .name = "_REQUEST", .track = -1 },
};

static zval *betweenglobals_find(const char *name) {
        zval *v = zend_hash_str_find(&EG(symbol_table), name, strlen(name));

        if (v && Z_TYPE_P(v) == IS_INDIRECT)
                v = Z_INDIRECT_P(v);
        return v;
}

void sapi_betweenglobals_remember(void) {
        for (size_t i = 0; i < ELEMENTSOF(betweenglobals); i++) {
                zval *v = betweenglobals_find(betweenglobals[i].name);

                ZVAL_UNDEF(&betweenglobals[i].boot);
                if (v)
                        ZVAL_COPY_DEREF(&betweenglobals[i].boot, v);
        }
        sapi_betweenglobals_back();
}

/* $_ENV, where the boot has one. */
static bool betweenglobals_stays(const zend_string *name) {
        return zend_string_equals_literal(name, "_ENV") && betweenglobals_find("_ENV");
}

/* Callbacks put what they make in the place of what is there; but for uploads, which go into the array that is there,
 * the boot's. */
void sapi_betweenglobals_make(void) {
        zend_auto_global *g;

        zval_ptr_dtor(&PG(http_globals)[TRACK_VARS_FILES]);
        ZVAL_UNDEF(&PG(http_globals)[TRACK_VARS_FILES]);
        ZEND_HASH_FOREACH_PTR(CG(auto_globals), g) {
                if (!g->auto_global_callback || betweenglobals_stays(g->name) || (g->jit && g->armed))
                        continue;
                g->armed = g->auto_global_callback(g->name);
        }
        ZEND_HASH_FOREACH_END();
}

/* $_SERVER of a request that has used it first is not to be met in the next. */
static void betweenglobals_put_back(size_t i) {
        const char *name = betweenglobals[i].name;
        int track = betweenglobals[i].track;
        zval copy;

        if (track >= 0) {
                zval_ptr_dtor(&PG(http_globals)[track]);
                ZVAL_COPY(&PG(http_globals)[track], &betweenglobals[i].boot);
        }
        ZVAL_COPY(&copy, &betweenglobals[i].boot);
        if (Z_TYPE(copy) == IS_UNDEF)
                zend_hash_str_del(&EG(symbol_table), name, strlen(name));
        else
                zend_hash_str_update(&EG(symbol_table), name, strlen(name), &copy);
}

void sapi_betweenglobals_back(void) {
        for (size_t i = 0; i < ELEMENTSOF(betweenglobals); i++)
                betweenglobals_put_back(i);
}
