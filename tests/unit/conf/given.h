/* SPDX-License-Identifier: MIT */
#pragma once
/* Texts of configurations: loaded, and told about. */

#include "base/text.h"
#include "conf/lines.h"
#include "conf/load.h"

#define GIVEN_BASE "[www]\nuser = daemon\nlisten = /run/x.sock\npm = static\npm.max_children = 2\n"

/* Loads it with GIVEN_BASE before it, so its first line is number 6, unless it begins with "!". */
static inline int given_load(const char *text, const struct conf_options *options, struct conf **ret,
                             struct text *problems) {
        _cleanup_text_ struct text t = {};

        text_printf(&t, "%s%s", text[0] == '!' ? "" : GIVEN_BASE, text[0] == '!' ? text + 1 : text);
        return conf_load_text("x", t.data, t.n, options, ret, problems);
}

/* A text that has to be good, whatever machine this is. */
static inline struct conf *given_conf(const char *text) {
        static const struct conf_options options = { .text_only = true };
        _cleanup_text_ struct text problems = {};
        struct conf *c = NULL;

        if (given_load(text, &options, &c, &problems) != 0)
                fail_msg("'%s': %s", text, text_peek(&problems));
        return c;
}

static inline void given_assert_setting(const struct conf_php_setting *s, const char *key, const char *value,
                                        bool admin) {
        assert_string_equal(s->key, key);
        assert_string_equal(s->value, value);
        assert_int_equal(s->admin, admin);
}

struct given_row {
        const char *sentence;
        const char *text;
        const char *problem; /* "": accepted; else these lines exactly, of those that tell a place */
};

/* The lines that begin with a place; those in php-fpm's words are compared with its own elsewhere. */
static inline void given_keep_places(const char *problems, struct text *ret) {
        enum log_level level;
        const char *line;
        size_t n;

        while (conf_lines_next(&problems, &level, &line, &n))
                if (conf_lines_is_place(line)) {
                        text_append_n(ret, line, n);
                        text_append_c(ret, '\n');
                }
}

static inline void given_check(const struct given_row *rows, size_t n) {
        static const struct conf_options options = {};

        for (size_t i = 0; i < n; i++) {
                _cleanup_conf_ struct conf *c = NULL;
                _cleanup_text_ struct text problems = {}, places = {};
                int r;

                r = given_load(rows[i].text, &options, &c, &problems);
                given_keep_places(text_peek(&problems), &places);
                if (!text_equal(text_peek(&places), rows[i].problem))
                        fail_msg("%s: told\n%s", rows[i].sentence, text_peek(&places));
                assert_int_equal(r, *rows[i].problem ? CONF_E_INVALID : 0);
                assert_true((r == 0) == !!c);
        }
}
