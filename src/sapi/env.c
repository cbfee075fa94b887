/* SPDX-License-Identifier: MIT */
/*
 * The FastCGI parameters of one request: looked up by name, and poured into $_SERVER, $_ENV and getenv() when PHP asks.
 *
 * They stay where they were received, see fcgi/index.h. What is set later has a table of its own, which is empty for
 * most requests; its values come from Zend's request memory.
 *
 * PHP programs see the order of $_SERVER. php-fpm shows what is set later first, then the last parameter, and
 * FCGI_ROLE, which comes with BEGIN_REQUEST, after all of them; a name that comes twice keeps its place and takes the
 * later value. So it is here.
 */

#include "sapi/internal.h"

#include "conf/credential.h"

#define ENV_ROLE "FCGI_ROLE"

struct env_var {
        const char *name;
        char *value; /* NULL: removed */
        size_t n_name;
        size_t n_value;
};

static struct fcgi_index env_no_params;

static struct {
        struct fcgi_index *params;
        char *role;
        struct env_var *set; /* later; those of a parameter's name stand for that */
        size_t n_set, size_set;
} env = { .params = &env_no_params };

/* PHP's own import, which knows the process environment. */
static void (*env_import_process)(zval *array);

static bool env_is(const char *name, size_t n, const char *other, size_t n_other) {
        return n == n_other && memcmp(name, other, n) == 0;
}

static struct env_var *env_find_set(const char *name, size_t n) {
        for (size_t i = 0; i < env.n_set; i++)
                if (env_is(env.set[i].name, env.set[i].n_name, name, n))
                        return &env.set[i];
        return NULL;
}

void sapi_env_load(enum fcgi_role role, struct fcgi_index *params) {
        static char names[][sizeof("AUTHORIZER")] = {
                [FCGI_RESPONDER] = "RESPONDER",
                [FCGI_AUTHORIZER] = "AUTHORIZER",
                [FCGI_FILTER] = "FILTER",
        };

        env.n_set = 0;
        env.role = names[role];
        env.params = params ?: &env_no_params;
}

void sapi_env_reset(void) {
        env.n_set = 0;
        env.role = NULL;
        env.params = &env_no_params;
}

char *sapi_env_get_in(uint32_t bucket, const char *name, size_t n) {
        struct fcgi_index_entry *e;

        if (env.n_set > 0) {
                const struct env_var *v = env_find_set(name, n);

                if (v)
                        return v->value;
        }
        e = fcgi_index_find_in(env.params, bucket, name, n);
        if (e)
                return fcgi_index_value(e);
        return env_is(name, n, ENV_ROLE, sizeof(ENV_ROLE) - 1) ? env.role : NULL;
}

char *sapi_env_get(const char *name, size_t n) {
        return sapi_env_get_in(fcgi_index_bucket(name, n), name, n);
}

/* Name and value must outlive the request. */
static void env_put(const char *name, size_t n, char *value, size_t n_value) {
        struct env_var *v = env_find_set(name, n);

        if (!v && env.n_set == env.size_set) {
                env.size_set = MAX(env.size_set * 2, (size_t)16);
                env.set = safe_perealloc(env.set, env.size_set, sizeof(*env.set), 0, true);
        }
        if (!v)
                v = &env.set[env.n_set++];
        *v = (struct env_var){ .name = name, .n_name = n, .value = value, .n_value = n_value };
}

char *sapi_env_set(const char *name, size_t n, const char *value, size_t n_value) {
        char *copy;

        if (!value) {
                if (sapi_env_get(name, n))
                        env_put(name, n, NULL, 0);
                return NULL;
        }
        copy = estrndup(value, n_value);
        env_put(name, n, copy, n_value);
        return copy;
}

void sapi_env_lend(const char *name, size_t n, const char *value) {
        env_put(name, n, (char *)value, strlen(value));
}

/* What PHP is shown of the i-th parameter; value NULL: nothing. */
static struct env_var env_param(size_t i) {
        struct fcgi_index_entry *e = fcgi_index_at(env.params, i);
        const struct env_var *v;

        if (!e || env_is(e->name, e->n_name, ENV_ROLE, sizeof(ENV_ROLE) - 1))
                return (struct env_var){ 0 };
        v = env_find_set(e->name, e->n_name);
        if (v)
                return *v;
        fcgi_index_end(e);
        return (struct env_var){ .name = e->name, .n_name = e->n_name, .value = e->value, .n_value = e->n_value };
}

/* The role's own value where no parameter has its name. */
static struct env_var env_role(void) {
        char *value = sapi_env_get(ENV_ROLE, sizeof(ENV_ROLE) - 1);

        return (struct env_var){
                .name = ENV_ROLE, .n_name = sizeof(ENV_ROLE) - 1, .value = value, .n_value = value ? strlen(value) : 0
        };
}

/* One after the other, in PHP's order, from env_count() down. False: there are no more. */
static bool env_next(size_t *at, struct env_var *ret) {
        while (*at > 0) {
                size_t i = --*at;

                if (i == 0)
                        *ret = env_role();
                else if (i <= env.params->n)
                        *ret = env_param(i - 1);
                else {
                        *ret = env.set[i - env.params->n - 1];
                        if (fcgi_index_find(env.params, ret->name, ret->n_name))
                                ret->value = NULL; /* it has that one's place */
                }
                if (ret->value)
                        return true;
        }
        return false;
}

static size_t env_count(void) {
        return env.n_set + env.params->n + 1;
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
        struct env_var v;

        env_import_process(array);
        if (!sapi_current.io)
                return;
        for (size_t at = env_count(); env_next(&at, &v);) {
                v.n_value = strlen(v.value); /* what follows a NUL is dropped, so that PHP and we see the same */
                if (strcmp(v.name, "HTTP_PROXY") != 0) /* for PHP, a name ends with a NUL as well */
                        env_register(source, &v, array);
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
        struct env_var v;

        for (size_t at = env_count(); env_next(&at, &v);)
                sapi_add_request_header(v.name, (unsigned int)v.n_name, v.value, (unsigned int)v.n_value, array);
}
