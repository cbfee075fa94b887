/* SPDX-License-Identifier: MIT */
/*
 * The files are in a folder of the service's own that the service manager names, and may be the master's alone. So they
 * are read here, with the configuration, and a pool gets what its own lines name. A value is never part of a message.
 */

#include "conf/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "conf/rows.h"

#define CREDENTIAL_BYTES_MAX ((size_t)64 << 10)
#define CREDENTIAL_NAME_MAX  255U

const char *conf_credential_of(const struct conf_pair *pair) {
        return pair->source && text_has_prefix(pair->source, CONF_CREDENTIAL_PREFIX)
                       ? pair->source + strlen(CONF_CREDENTIAL_PREFIX)
                       : NULL;
}

bool conf_credential_is_name(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > CREDENTIAL_NAME_MAX || text_equal(name, ".") || text_equal(name, ".."))
                return false;
        for (; *name; name++)
                if (*name == '/' || *name <= ' ' || *name == 0x7f)
                        return false;
        return true;
}

_printf_(4, 5) static void credential_problem(const struct conf_check *k, const struct conf_pool *pool,
                                              const struct conf_pair *pair, const char *fmt, ...) {
        va_list ap;

        text_printf(k->problems, "[%s:%u] directive '%s': pool '%s': env[%s] = %s: ", pair->where.file,
                    pair->where.line, conf_pool_arrays[CONF_ARRAY_ENV].name, pool->name, pair->key, pair->source);
        va_start(ap, fmt);
        text_vprintf(k->problems, fmt, ap);
        va_end(ap);
        text_append_c(k->problems, '\n');
}

/* What a value cannot be; NULL: it is good. One line feed at its end is none of it, as most tools write one. */
static const char *credential_check(char *value, size_t n) {
        if (memchr(value, '\0', n))
                return "it has a NUL byte";
        if (n > 0 && value[n - 1] == '\n')
                value[n - 1] = '\0';
        return *value ? NULL : "it is empty";
}

static void credential_forget(char *value, size_t n) {
        explicit_bzero(value, n);
        free(value);
}

static void credential_read_one(const struct conf_check *k, const struct conf_pool *pool, struct conf_pair *pair,
                                const char *folder) {
        _cleanup_text_ struct text path = {};
        const char *wrong;
        char *value;
        size_t n;
        int r;

        text_printf(&path, "%s/%s", folder, conf_credential_of(pair));
        r = path.failed ? -ENOMEM : fd_read_plain_file(text_peek(&path), CREDENTIAL_BYTES_MAX, &value, &n);
        if (r == -EFBIG)
                credential_problem(k, pool, pair, "it has more than %zu bytes", CREDENTIAL_BYTES_MAX);
        else if (r < 0)
                credential_problem(k, pool, pair, "'%s': %s%s", text_peek(&path), strerror(-r),
                                   r == -ENOENT ? " (LoadCredential= of the service's unit)" : "");
        if (r < 0)
                return;
        wrong = credential_check(value, n);
        if (wrong) {
                credential_problem(k, pool, pair, "%s", wrong);
                credential_forget(value, n);
                return;
        }
        free(pair->value);
        pair->value = value;
}

/* Whoever tests a configuration need not be the service. */
static void credential_unknown(const struct conf_check *k, const struct conf_pool *pool, const struct conf_pair *pair) {
        int r;

        if (!k->options->testing) {
                credential_problem(k, pool, pair,
                                   "the service has no credentials: $CREDENTIALS_DIRECTORY is not set "
                                   "(LoadCredential= of its unit)");
                return;
        }
        r = conf_add_notice(k->conf, "[%s:%u] env[%s] = %s is not looked at: $CREDENTIALS_DIRECTORY is not set here",
                            pair->where.file, pair->where.line, pair->key, pair->source);
        k->problems->failed |= r < 0;
        conf_count_notices(k->conf, k->problems);
}

void conf_credential_read(const struct conf_check *k, struct conf_pool *pool) {
        const char *folder = getenv("CREDENTIALS_DIRECTORY");

        if (k->options->text_only)
                return;
        for (size_t i = 0; i < pool->env.n; i++) {
                struct conf_pair *pair = &pool->env.items[i];

                if (!conf_credential_of(pair))
                        continue;
                if (folder && folder[0] == '/')
                        credential_read_one(k, pool, pair, folder);
                else
                        credential_unknown(k, pool, pair);
        }
}
