/* SPDX-License-Identifier: MIT */
/*
 * Which line has changed something that is no variable: while a request is examined, the functions that can are
 * watched. Each call is noted with what it is about, the last ones of a request.
 */

#include "sapi/leaks.h"

#define LEAKSITES_MAX 512U

/*   symbol   function                  changes     what its first argument names */
/* clang-format off */
#define LEAKSITES_FUNCTIONS(X)                                                                                         \
        X(ini_set,      "ini_set",                    INI,        FIRST)                                               \
        X(ini_alter,    "ini_alter",                  INI,        FIRST)                                               \
        X(putenv,       "putenv",                     ENV,        FIRST)                                               \
        X(chdir,        "chdir",                      DIRECTORY,  NOTHING_MORE)                                        \
        X(umask,        "umask",                      UMASK,      NOTHING_MORE)                                        \
        X(errors,       "set_error_handler",          ERRORS,     NOTHING_MORE)                                        \
        X(errors_back,  "restore_error_handler",      ERRORS,     NOTHING_MORE)                                        \
        X(exceptions,   "set_exception_handler",      EXCEPTIONS, NOTHING_MORE)                                        \
        X(exceptions_back, "restore_exception_handler", EXCEPTIONS, NOTHING_MORE)                                      \
        X(wrapper,      "stream_wrapper_register",    WRAPPER,    FIRST)                                               \
        X(wrapper_off,  "stream_wrapper_unregister",  WRAPPER,    FIRST)                                               \
        X(wrapper_back, "stream_wrapper_restore",     WRAPPER,    FIRST)                                               \
        X(autoload,     "spl_autoload_register",      AUTOLOADER, NOTHING_MORE)                                        \
        X(shutdown,     "register_shutdown_function", SHUTDOWN,   NOTHING_MORE)                                        \
        X(fopen,        "fopen",                      DESCRIPTOR, RESULT)                                              \
        X(fsockopen,    "fsockopen",                  DESCRIPTOR, RESULT)                                              \
        X(client,       "stream_socket_client",       DESCRIPTOR, RESULT)                                              \
        X(server,       "stream_socket_server",       DESCRIPTOR, RESULT)                                              \
        X(tmpfile,      "tmpfile",                    DESCRIPTOR, RESULT)                                              \
        X(opendir,      "opendir",                    DESCRIPTOR, RESULT)                                              \
        X(popen,        "popen",                      DESCRIPTOR, RESULT)
/* clang-format on */

enum leaksites_about { NOTHING_MORE, FIRST, RESULT };

static struct {
        bool on;
        bool held; /* nobody's script calls */
        struct leaksites_site {
                enum leakstate_kind kind;
                char *name;
                char *file;
                uint32_t line;
        } sites[LEAKSITES_MAX];
        size_t n; /* there have been, the last LEAKSITES_MAX are kept */
} leaksites;

static void leaksites_forget(void) {
        for (size_t i = 0; i < MIN(leaksites.n, (size_t)LEAKSITES_MAX); i++) {
                free(leaksites.sites[i].name);
                free(leaksites.sites[i].file);
        }
        leaksites.n = 0;
}

/* Takes the name over. */
static void leaksites_note(enum leakstate_kind kind, char *name) {
        struct leaksites_site *s = &leaksites.sites[leaksites.n % LEAKSITES_MAX];

        if (leaksites.n++ >= LEAKSITES_MAX) {
                free(s->name);
                free(s->file);
        }
        *s = (struct leaksites_site){ .kind = kind,
                                      .name = name,
                                      .file = strdup(zend_get_executed_filename()),
                                      .line = zend_get_executed_lineno() };
}

/* As an item of leakstate.c is called: up to a '='; of a stream its resource's number. */
static char *leaksites_name(enum leaksites_about about, const zval *first, const zval *result) {
        const zval *v = about == FIRST ? first : result;
        char *name = NULL;

        if (about == FIRST && v && Z_TYPE_P(v) == IS_STRING)
                name = strndup(Z_STRVAL_P(v), strcspn(Z_STRVAL_P(v), "="));
        else if (about == RESULT && Z_TYPE_P(v) == IS_RESOURCE) {
                if (asprintf(&name, "%d", (int)Z_RES_HANDLE_P(v)) < 0)
                        name = NULL;
        } else
                name = strdup("");
        return name;
}

#define X(symbol, function, changes, about)                                                                            \
        static zif_handler leaksites_original_##symbol;                                                                \
        static ZEND_NAMED_FUNCTION(leaksites_on_##symbol) {                                                            \
                const zval *first = ZEND_NUM_ARGS() > 0 ? ZEND_CALL_ARG(execute_data, 1) : NULL;                       \
                char *name = leaksites.on && about == FIRST ? leaksites_name(about, first, NULL) : NULL;               \
                                                                                                                       \
                leaksites_original_##symbol(INTERNAL_FUNCTION_PARAM_PASSTHRU);                                         \
                if (!leaksites.on || leaksites.held || EG(exception))                                                  \
                        free(name);                                                                                    \
                else                                                                                                   \
                        leaksites_note(LEAKSTATE_##changes, name ?: leaksites_name(about, NULL, return_value));        \
        }
LEAKSITES_FUNCTIONS(X)
#undef X

void sapi_leaksites_start(void) {
#define X(symbol, function, changes, about)                                                                            \
        sapi_functions_watch(function, leaksites_on_##symbol, &leaksites_original_##symbol);
        LEAKSITES_FUNCTIONS(X)
#undef X
}

void sapi_leaksites_record(bool on) {
        leaksites_forget();
        leaksites.on = on;
}

void sapi_leaksites_hold(bool held) {
        leaksites.held = held;
}

bool sapi_leaksites_find(enum leakstate_kind kind, const char *name, struct leaks_place *ret) {
        for (size_t i = leaksites.n; i-- > 0 && leaksites.n - i <= LEAKSITES_MAX;) {
                const struct leaksites_site *s = &leaksites.sites[i % LEAKSITES_MAX];

                if (s->kind != kind || !s->name || !s->file || (s->name[0] && strcmp(s->name, name) != 0))
                        continue;
                *ret = (struct leaks_place){ .file = s->file, .line = s->line };
                return true;
        }
        return false;
}
