/* SPDX-License-Identifier: MIT */
/*
 * A request of worker.script is examined when sapi_boot's examine() says so, which is before it begins:
 *
 *     picture -> the request -> what is no value, once more -> what is put back -> the script's work between two
 *        requests -> its next call: picture, and what differs is told
 *
 * So the time is a whole round of the script's loop, and both pictures are taken at the same place of it. Garbage is
 * collected before each. It costs as much as there is in memory, in examined requests alone.
 */

#include "sapi/leaks.h"

#define LEAKS_MAX 32U /* findings of one request that are told */

static struct {
        const struct sapi_boot *boot; /* NULL: no request is examined */
        struct leakwalk before;
        struct leakstate state, end;
        char *uri;
        size_t n;
} leaks;

static void leaks_forget(void) {
        sapi_leaksites_record(false);
        sapi_leakwalk_done(&leaks.before);
        sapi_leakstate_done(&leaks.state);
        sapi_leakstate_done(&leaks.end);
        free(TAKE_PTR(leaks.uri));
        leaks.n = 0;
        leaks.boot = NULL;
}

static void leaks_take_picture(struct leakwalk *w, struct leakstate *s, const zval *callback) {
        (void)zend_gc_collect_cycles();
        w->memory = zend_memory_usage(false);
        sapi_leakwalk_run(w, callback);
        sapi_leakstate_look(s);
}

void sapi_leaks_tell(enum sapi_leak_kind kind, const char *name, const char *what, const struct leaks_place *place) {
        if (leaks.n++ < LEAKS_MAX)
                leaks.boot->leaked(leaks.boot->ctx, &(struct sapi_leak){ .kind = kind,
                                                                         .name = name,
                                                                         .what = what,
                                                                         .file = place->file,
                                                                         .line = place->line,
                                                                         .uri = leaks.uri });
}

void sapi_leaks_begin(const struct sapi_boot *boot, const zval *callback) {
        if (!boot->examine || !boot->examine(boot->ctx))
                return;
        leaks_take_picture(&leaks.before, &leaks.state, callback);
        sapi_leaksites_record(true);
        leaks.boot = boot;
        if (EG(exception)) /* of garbage's destructors, with nobody to catch it */
                zend_exception_error(EG(exception), E_WARNING);
}

void sapi_leaks_request_ends(void) {
        const char *uri;

        if (!leaks.boot)
                return;
        uri = SAPI_ENV("REQUEST_URI");
        leaks.uri = uri ? strdup(uri) : NULL;
        sapi_leakstate_look(&leaks.end);
}

bool sapi_leaks_end(const zval *callback) {
        const struct sapi_boot *boot = leaks.boot;
        struct leakwalk after = {};
        struct leakstate state = {};

        if (!boot)
                return true;
        leaks_take_picture(&after, &state, callback);
        sapi_leakdiff_tell(&leaks.before, &after);
        sapi_leakstate_tell(&leaks.state, &leaks.end, &state);
        boot->examined(boot->ctx, leaks.n > LEAKS_MAX ? leaks.n - LEAKS_MAX : 0);
        sapi_leakwalk_done(&after);
        sapi_leakstate_done(&state);
        leaks_forget();
        return !EG(exception);
}

void sapi_leaks_give_up(void) {
        const struct sapi_boot *boot = leaks.boot;

        if (!boot)
                return;
        leaks_forget();
        boot->examined(boot->ctx, 0);
}
