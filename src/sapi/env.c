/* SPDX-License-Identifier: MIT */
/*
 * The FastCGI parameters of one request: a table that is filled from the decoded block in one pass, looked up by
 * name, and poured into $_SERVER, $_ENV and getenv() when PHP asks.
 *
 * PHP wants names and values NUL-terminated. Most requests look at a handful of them, so a pair is copied, into one
 * arena, when it is first asked for; the block stays where it is until the request has ended. A pair takes at least two
 * length bytes in the block, so the block's size is enough for all pairs with their two NULs. Table and arena stay from
 * request to request; what is set later comes from Zend's request memory.
 *
 * PHP programs see the order of $_SERVER. php-fpm shows the last parameter first and FCGI_ROLE, which comes with
 * BEGIN_REQUEST, after all of them; a name that comes twice keeps its place and takes the later value. So does this
 * table.
 */

#include "sapi/internal.h"

#include "conf/credential.h"
#include "fcgi/params.h"

#define N_BUCKETS_BITS 7
#define N_BUCKETS      (1U << N_BUCKETS_BITS)
#define ARENA_KEEP     (64U * 1024U)

struct env_var {
        const char *name;
        char *value; /* NULL: removed */
        size_t n_name;
        size_t n_value;
        size_t n_whole; /* of a parameter of the request: with what follows a NUL */
        uint32_t next;  /* in its bucket: index + 1; 0: the last */
        bool raw;       /* name and value lie in the block, not terminated */
};

static struct {
        struct env_var *vars;
        size_t n_vars, size_vars;
        char *arena, *end; /* end: behind what the arena holds */
        size_t size_arena;
        uint32_t buckets[N_BUCKETS]; /* index + 1 */
} env;

/* PHP's own import, which knows the process environment. */
static void (*env_import_process)(zval *array);

/* By the name's length, its last four bytes and its first one. */
static inline uint32_t *env_bucket(const char *name, size_t n) {
        uint32_t h = 0;

        if (n >= sizeof(h)) {
                memcpy(&h, name + n - sizeof(h), sizeof(h));
                h ^= (uint32_t)(uint8_t)name[0] << 8;
        } else
                memcpy(&h, name, n);
        return &env.buckets[(h + (uint32_t)n) * 0x9e3779b1U >> (32 - N_BUCKETS_BITS)];
}

static inline struct env_var *env_find_in(uint32_t bucket, const char *name, size_t n) {
        for (uint32_t i = bucket; i > 0; i = env.vars[i - 1].next) {
                struct env_var *v = &env.vars[i - 1];

                if (v->n_name == n && memcmp(v->name, name, n) == 0)
                        return v;
        }
        return NULL;
}

/* Where the variable of that name is, or will be: all but its place in the bucket is the caller's to set. */
static inline struct env_var *env_place(const char *name, size_t n) {
        uint32_t *bucket = env_bucket(name, n);
        struct env_var *v = env_find_in(*bucket, name, n);

        if (v)
                return v;
        if (env.n_vars == env.size_vars) {
                env.size_vars = MAX(env.size_vars * 2, (size_t)64);
                env.vars = safe_perealloc(env.vars, env.size_vars, sizeof(*env.vars), 0, true);
        }
        v = &env.vars[env.n_vars++];
        v->next = *bucket;
        *bucket = (uint32_t)env.n_vars;
        return v;
}

/* Name and value must outlive the request. */
static void env_put(const char *name, size_t n, char *value, size_t n_value) {
        struct env_var *v = env_place(name, n);

        *v = (struct env_var){ .name = name, .n_name = n, .value = value, .n_value = n_value, .next = v->next };
}

/* A parameter as it lies in the block. Each request has some twenty: no field is written for nothing. */
static void env_put_raw(const struct fcgi_pair *pair) {
        struct env_var *v = env_place(pair->name, pair->n_name);

        v->name = pair->name;
        v->n_name = pair->n_name;
        v->value = (char *)pair->value;
        v->n_value = pair->n_value;
        v->raw = true; /* env_terminate() sets the rest */
}

static char *env_store(const char *data, size_t n) {
        char *at = env.end;

        memcpy(at, data, n);
        at[n] = '\0';
        env.end = at + n + 1;
        return at;
}

/* The variable as PHP takes it. What follows a NUL in its value is dropped, so that PHP and we see the same. */
static struct env_var *env_terminate(struct env_var *v) {
        if (v->raw) {
                v->name = env_store(v->name, v->n_name);
                v->value = env_store(v->value, v->n_value);
                v->n_whole = v->n_value;
                v->n_value = strlen(v->value);
                v->raw = false;
        }
        return v;
}

static struct env_var *env_find(const char *name, size_t n) {
        struct env_var *v = env_find_in(*env_bucket(name, n), name, n);

        return v ? env_terminate(v) : NULL;
}

static void env_put_role(enum fcgi_role role) {
        static const char *const names[] = {
                [FCGI_RESPONDER] = "RESPONDER",
                [FCGI_AUTHORIZER] = "AUTHORIZER",
                [FCGI_FILTER] = "FILTER",
        };

        env_put("FCGI_ROLE", sizeof("FCGI_ROLE") - 1, (char *)names[role], strlen(names[role]));
}

void sapi_env_load(enum fcgi_role role, const uint8_t *params, size_t n) {
        struct fcgi_pair pair;
        size_t pos = 0;

        sapi_env_reset();
        if (env.size_arena < n) {
                env.arena = perealloc(env.arena, n, true);
                env.size_arena = n;
        }
        env.end = env.arena;
        env_put_role(role);
        while (fcgi_params_next(params, n, &pos, &pair) == 1)
                env_put_raw(&pair);
}

void sapi_env_reset(void) {
        env.n_vars = 0;
        memset(env.buckets, 0, sizeof(env.buckets));
        if (env.size_arena > ARENA_KEEP) {
                pefree(env.arena, true);
                env.arena = NULL;
                env.size_arena = 0;
        }
}

char *sapi_env_get(const char *name, size_t n) {
        const struct env_var *v = env_find(name, n);

        return v ? v->value : NULL;
}

char *sapi_env_set(const char *name, size_t n, const char *value, size_t n_value) {
        char *copy;

        if (!value) {
                if (env_find(name, n))
                        env_put(name, n, NULL, 0);
                return NULL;
        }
        copy = estrndup(value, n_value);
        env_put(name, n, copy, n_value);
        return copy;
}

/* A credential is nowhere but here: not in the process's environment, which programs inherit and phpinfo() shows, nor
 * in $_SERVER and $_ENV. */
static char *env_find_credential(const char *name, size_t n) {
        const struct conf_pairs *pairs = &sapi_module_pool()->env;

        for (size_t i = 0; i < pairs->n; i++)
                if (conf_credential_of(&pairs->items[i]) && strlen(pairs->items[i].key) == n &&
                    memcmp(pairs->items[i].key, name, n) == 0)
                        return pairs->items[i].value;
        return NULL;
}

/* PHP's getenv() of one name. PHP itself never asks for HTTP_PROXY here: a client's "Proxy:" header is no setting of
 * ours. */
char *sapi_env_getenv(const char *name, size_t n) {
        char *credential;

        if (!sapi_current.io)
                return NULL;
        credential = env_find_credential(name, n); /* a parameter of the request does not replace it */
        return credential ?: sapi_env_get(name, n);
}

char *sapi_env_cookies(void) {
        return sapi_current.io ? SAPI_ENV("HTTP_COOKIE") : NULL;
}

/* Array keys that PHP takes as they are: no brackets, blanks or dots. */
static bool env_name_is_plain(const char *name, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!(name[i] == '_' || (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9') ||
                      (name[i] >= 'a' && name[i] <= 'z')))
                        return false;
        return n > 0;
}

static void env_register_plainly(const struct env_var *v, zval *array) {
        zval item;

        if (env_name_is_plain(v->name, v->n_name)) {
                ZVAL_STRINGL_FAST(&item, v->value, v->n_value);
                zend_symtable_str_update(Z_ARRVAL_P(array), v->name, v->n_name, &item);
        } else
                php_register_variable_safe(v->name, v->value, v->n_value, array);
}

/* source: PARSE_SERVER or PARSE_ENV when array is that superglobal. A filter then puts the value there itself and
 * says 0, or may replace it, and frees the one it was given. */
static void env_register(int source, const struct env_var *v, zval *array) {
        struct env_var filtered = *v;

        if (source < 0 || sapi_module.input_filter == php_default_input_filter) {
                env_register_plainly(v, array);
                return;
        }
        filtered.value = estrndup(v->value, v->n_value);
        if (sapi_module.input_filter(source, v->name, &filtered.value, v->n_value, &filtered.n_value))
                env_register_plainly(&filtered, array);
        efree(filtered.value);
}

static bool env_is_superglobal(const zval *array, int track) {
        return Z_TYPE(PG(http_globals)[track]) == IS_ARRAY && Z_ARR_P(array) == Z_ARR(PG(http_globals)[track]);
}

/* For $_SERVER, $_ENV and getenv() without a name: the process environment first, then the parameters over it.
 * HTTP_PROXY is the client's "Proxy:" header, which programs would take for the setting of that name. */
static void env_import(zval *array) {
        int source = env_is_superglobal(array, TRACK_VARS_SERVER) ? PARSE_SERVER
                     : env_is_superglobal(array, TRACK_VARS_ENV)  ? PARSE_ENV
                                                                  : -1;

        env_import_process(array);
        if (!sapi_current.io)
                return;
        for (size_t i = env.n_vars; i > 0; i--) {
                const struct env_var *v = env_terminate(&env.vars[i - 1]);

                if (v->value && strcmp(v->name, "HTTP_PROXY") != 0)
                        env_register(source, v, array);
        }
}

void sapi_env_hook(void) {
        env_import_process = php_import_environment_variables;
        php_import_environment_variables = env_import;
}

/* $_SERVER: everything above, and PHP_SELF. */
void sapi_env_server(zval *array) {
        const char *name = SG(request_info).request_uri;
        const char *info = sapi_current.io && sapi_settings.fix_pathinfo ? SAPI_ENV("PATH_INFO") : NULL;
        size_t n_name = name ? strlen(name) : 0, n_info = info ? strlen(info) : 0;
        char *self;

        php_import_environment_variables(array);
        self = emalloc(n_name + n_info + 1);
        memcpy(self, name ? name : "", n_name);
        memcpy(self + n_name, info ? info : "", n_info);
        self[n_name + n_info] = '\0';
        env_register(PARSE_SERVER,
                     &(struct env_var){ .name = "PHP_SELF",
                                        .n_name = sizeof("PHP_SELF") - 1,
                                        .value = self,
                                        .n_value = n_name + n_info },
                     array);
        efree(self);
}

/* The request's HTTP headers, their names as PHP rebuilds them from HTTP_X_Y; whole, as php-fpm has them here. */
void sapi_env_headers(zval *array) {
        for (size_t i = env.n_vars; i > 0; i--) {
                const struct env_var *v = env_terminate(&env.vars[i - 1]);

                if (v->value)
                        sapi_add_request_header(v->name, (unsigned int)v->n_name, v->value,
                                                (unsigned int)MAX(v->n_value, v->n_whole), array);
        }
}
