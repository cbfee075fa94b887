/* SPDX-License-Identifier: MIT */
/*
 * A configuration from memory: any bytes load or are refused with a problem for each; what loads is dumped, packed,
 * read back, and must be the same again. Single lines: what a line's value is must survive being quoted.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/diff.h"
#include "conf/dump.h"
#include "conf/ini.h"
#include "conf/load.h"
#include "conf/pack.h"
#include "fuzz.h"

static char *lookup(const char *name) {
        static char value[] = "a \"b\" ; ${FOO} $x \\";

        return strcmp(name, "FOO") == 0 ? value : NULL;
}

static void check_line(const char *s, size_t n) {
        _cleanup_ini_line_ struct conf_ini_line line = {}, back = {};
        _cleanup_text_ struct text t = {};
        const char *reason = NULL;
        int r;

        r = conf_ini_parse(s, n, lookup, &line, &reason);
        assert(r == 0 || (r == CONF_SCAN_E_SYNTAX && reason));
        if (line.kind != CONF_INI_ENTRY)
                return;
        assert(line.name && *line.name && line.value);
        text_append(&t, "a[");
        conf_ini_quote(line.key ? line.key : "", &t);
        text_append(&t, "] = ");
        conf_ini_quote(line.value, &t);
        assert(!t.failed && conf_ini_parse(t.data, t.n, lookup, &back, &reason) == 0);
        assert(strcmp(back.value, line.value) == 0);
        assert(strcmp(back.key, line.key ? line.key : "") == 0);
}

static void check_lines(const char *data, size_t n) {
        size_t n_line, n_before = n;
        const char *line;

        while (conf_ini_next(&data, &n, &line, &n_line)) {
                assert(n < n_before);
                n_before = n;
                check_line(line, n_line);
        }
        assert(n == 0);
}

static void check_pack(const struct conf *c, const struct conf_pool *pool) {
        _cleanup_text_ struct text problems = {};
        _cleanup_conf_ struct conf *back = NULL;
        _cleanup_free_ char *bytes = NULL;
        size_t n;

        assert(conf_pack_pool(c, pool, &bytes, &n) == 0);
        assert(conf_pack_take(bytes, n, &back, &problems) == 0);
        assert(conf_diff_pool_equal(pool, &back->pools[0]));
        assert(conf_diff_global_equal(&c->global, &back->global));
}

static void check_dump(const struct conf *c, const struct conf_options *options) {
        _cleanup_text_ struct text dump = {}, problems = {}, list = {};
        _cleanup_conf_ struct conf *back = NULL;

        conf_dump_ignored(c, &list);
        conf_dump(c, CONF_DUMP_LOADABLE, &dump);
        assert(!dump.failed && !list.failed);
        assert(conf_load_text("dump", dump.data, dump.n, options, &back, &problems) == 0);
        assert(back->n_pools == c->n_pools);
        assert(conf_diff_global_equal(&c->global, &back->global));
        for (size_t i = 0; i < c->n_pools; i++)
                assert(conf_diff_pool_equal(&c->pools[i], &back->pools[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const struct conf_options options = { .text_only = true };
        _cleanup_text_ struct text problems = {}, ignored = {};
        _cleanup_conf_ struct conf *c = NULL, *unpacked = NULL;
        int r;

        setenv("FOO", "a \"b\" ; ${FOO} $x \\", 1);
        check_lines((const char *)data, n);
        r = conf_pack_take((const char *)data, n, &unpacked, &ignored);
        assert(r == 0 || (r == CONF_E_INVALID && ignored.n > 0));
        r = conf_load_text("x", (const char *)data, n, &options, &c, &problems);
        if (r != 0) {
                assert(r == CONF_E_INVALID && problems.n > 0 && problems.data[problems.n - 1] == '\n');
                return 0;
        }
        assert(problems.n == 0);
        check_dump(c, &options);
        for (size_t i = 0; i < c->n_pools; i++)
                check_pack(c, &c->pools[i]);
        return 0;
}
