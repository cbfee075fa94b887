/* SPDX-License-Identifier: MIT */
/* One line of a configuration file. The answers are those that php-fpm 8.2 gives, unless the sentence says otherwise.
 */

#include "conf/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *lookup(const char *name) {
        static char value[] = "foo val", tricky[] = "a\"b;c ${FOO}";

        return strcmp(name, "FOO") == 0 ? value : strcmp(name, "TRICKY") == 0 ? tricky : NULL;
}

static const struct {
        const char *sentence;
        const char *text;
        const char *value; /* NULL: refused */
} values[] = {
        { "words and the blanks between them stay", " a b  c ", "a b  c" },
        { "nothing is the empty text", "", "" },
        { "a comment ends it", "a ; b", "a" },
        { "and needs no blank before it", "a;b", "a" },
        { "a number sign is a byte like others", "a#b # c", "a#b # c" },
        { "double quotes keep what has a meaning", "\"a;b=c & d\"", "a;b=c & d" },
        { "double quotes know three escapes", "\"a\\\"b\\\\c\\$d\\n\"", "a\"b\\c$d\\n" },
        { "blanks around double quotes vanish", "a \"b\" c", "abc" },
        { "single quotes know no escapes", "'a\\nb\"${FOO}'", "a\\nb\"${FOO}" },
        { "blanks around single quotes stay", "a 'b' c", "a b c" },
        { "quoted parts join", "\"a\"'b'", "ab" },
        { "a variable", "${FOO}", "foo val" },
        { "a variable inside text", "x${FOO}y", "xfoo valy" },
        { "a variable inside double quotes", "\"x${FOO} y\"", "xfoo val y" },
        { "what a variable brings is not read again", "${TRICKY}", "a\"b;c ${FOO}" },
        { "a variable that is not there is nothing", "[${NOPE}]", "[]" },
        { "a variable with a default, as from PHP 8.3 on", "${NOPE:-/tmp}", "/tmp" },
        { "the default is not taken when the variable is there", "${FOO:-/tmp}", "foo val" },
        { "a lone dollar is a dollar", "a $ b$x", "a $ b$x" },
        { "what follows a bare dollar has no meaning", "a$;b$=c$\"", "a$;b$=c$\"" },
        { "not even another dollar", "$${FOO}", "$${FOO}" },
        { "nor a blank", "a$  ", "a$ " },
        { "a backslash there takes one byte more", "a$\\;b;c", "a$\\;b" },
        { "a dollar at the end too (php-fpm adds a line break)", "a$", "a$" },
        { "on is 1", "on", "1" },
        { "in any case", "TRUE ; x", "1" },
        { "off is nothing", "Off", "" },
        { "none is nothing", "none", "" },
        { "quoted it is a word", "\"none\"", "none" },
        { "part of a longer word it is nothing special", "none.php", "none.php" },
        { "in front of other words it is refused", "on off", NULL },
        { "behind other words too", "turn on", NULL },
        { "an error level", "(E_ALL | E_STRICT) & ~E_NOTICE", "32759" }, /* E_ALL lost E_STRICT in PHP 8.4 */
        { "a constant among words", "x E_NOTICE", "x 8" },
        { "a quoted constant is a word", "\"E_NOTICE\"", "E_NOTICE" },
        { "operators go from left to right", "6 | 1 & 3", "3" },
        { "parentheses come first", "6 | (1 & 3)", "7" },
        { "unary operators bind to what follows", "1 | ~2 & 3", "1" },
        { "not", "!5", "0" },
        { "not not", "! !5", "1" },
        { "exclusive or", "6 ^ 3", "5" },
        { "parentheses around text", "(a b)", "a b" },
        { "numbers keep their spelling", "007", "007" },
        { "a backslash is a byte like others", "C:\\x", "C:\\x" },
        { "braces and brackets too", "{a}[b]", "{a}[b]" },
        { "an equals sign is refused", "a=b", NULL },
        { "text beside an operator is refused (php-fpm: 0)", "a & b", NULL },
        { "an operator without a right side", "5 &", NULL },
        { "an operator without a left side", "| 5", NULL },
        { "a parenthesis that is not closed", "(5", NULL },
        { "a parenthesis that was not opened", "5)", NULL },
        { "text behind a parenthesis", "(5) 6", NULL },
        { "a double quote that is not closed", "\"a", NULL },
        { "a single quote that is not closed (php-fpm drops the rest)", "a 'b", NULL },
        { "a variable that is not closed", "${FOO", NULL },
        { "a variable without a name", "${}", NULL },
        { "parentheses have a limit", "((((((((((((((((((1))))))))))))))))))", NULL },
        { "unary operators have a limit", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!1", NULL },
};

static void test_values(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                const char *reason = NULL;
                char text[256];
                int n, r;

                n = snprintf(text, sizeof(text), "name = %s", values[i].text);
                r = conf_ini_parse(text, (size_t)n, lookup, &line, &reason);
                if ((r == 0) != !!values[i].value || (r == 0 && strcmp(line.value, values[i].value) != 0))
                        fail_msg("%s: '%s' gave %s", values[i].sentence, values[i].text, r == 0 ? line.value : reason);
                assert_true(r == 0 || (r == CONF_SCAN_E_SYNTAX && reason));
        }
}

static const struct {
        const char *sentence;
        const char *text;
        const char *parts; /* "name|key|value", "[name]", ""; NULL: refused */
} lines[] = {
        { "nothing", "", "" },
        { "blanks", " \t ", "" },
        { "a comment", " ; x = y", "" },
        { "a number sign begins no comment", "# x", NULL },
        { "not even with a value", "# x = y", NULL },
        { "a section", "[www]", "[www]" },
        { "a section and a comment", " [www] ; x", "[www]" },
        { "a section in quotes", "['www']", "[www]" },
        { "blanks in a section's name stay inside (php-fpm: everywhere)", "[ a b ]", "[a b]" },
        { "a section's name from the environment", "[x${FOO}]", "[xfoo val]" },
        { "a section that is not closed", "[www", NULL },
        { "text behind a section", "[www] x = 1", NULL },
        { "an entry", "\ta.b = c", "a.b|-|c" },
        { "an entry without blanks", "a=b", "a|-|b" },
        { "an entry with a key", "a[k] = b", "a|k|b" },
        { "an entry with an empty key", "a[] = b", "a||b" },
        { "blanks around the brackets", "a [ k ] = b", "a|k|b" },
        { "a key in quotes", "a[\"k k\"] = b", "a|k k|b" },
        { "a dot in a key", "a[x.y] = b", "a|x.y|b" },
        { "a key that is not closed", "a[k = b", NULL },
        { "text behind a key", "a[k]x = b", NULL },
        { "two keys", "a[k][l] = b", NULL },
        { "no value", "a", NULL },
        { "no equals sign", "a b", NULL },
        { "no name", "= b", NULL },
        { "a name in quotes", "\"a\" = b", NULL },
};

static void test_lines(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                _cleanup_text_ struct text parts = {};
                const char *reason = NULL;
                int r;

                r = conf_ini_parse(lines[i].text, strlen(lines[i].text), lookup, &line, &reason);
                assert_true(r == 0 || (r == CONF_SCAN_E_SYNTAX && reason));
                if (line.kind == CONF_INI_SECTION)
                        text_printf(&parts, "[%s]", line.name);
                else if (line.kind == CONF_INI_ENTRY)
                        text_printf(&parts, "%s|%s|%s", line.name, line.key ? line.key : "-", line.value);
                if (!text_equal(r == 0 ? text_peek(&parts) : NULL, lines[i].parts))
                        fail_msg("%s: '%s' gave %s", lines[i].sentence, lines[i].text,
                                 r == 0 ? text_peek(&parts) : reason);
        }
}

static void test_nul_is_refused(void **state) {
        struct conf_ini_line line;
        const char *reason;

        assert_int_equal(conf_ini_parse("a = b\0c", 7, lookup, &line, &reason), CONF_SCAN_E_SYNTAX);
}

static void test_line_ends(void **state) {
        const char *data = "a\nb\r\n\rc", *line;
        size_t n = strlen(data), n_line;
        _cleanup_text_ struct text seen = {};

        while (conf_ini_next(&data, &n, &line, &n_line)) {
                text_append_n(&seen, line, n_line);
                text_append_c(&seen, ',');
        }
        assert_string_equal(text_peek(&seen), "a,b,,c,");
}

static void test_quoted_text_reads_back(void **state) {
        static const char *const texts[] = {
                "",          "plain",        "a b", "none",     "ON",  "E_ALL", "5 & 6", "\"",
                "\\",        "\\\\\"",       "$x",  "${FOO}",   "a'b", "a;b",   " a ",   "#",
                "a=b[c](d)", "\\$\\{FOO}\\", "\t",  "\xc3\xa4", "-1",  "!",     "$",     "$pool",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                _cleanup_text_ struct text t = {};
                const char *reason;

                text_append(&t, "a[");
                conf_ini_quote(texts[i], &t);
                text_append(&t, "] = ");
                conf_ini_quote(texts[i], &t);
                assert_int_equal(conf_ini_parse(t.data, t.n, lookup, &line, &reason), 0);
                assert_string_equal(line.value, texts[i]);
                assert_string_equal(line.key, texts[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_nul_is_refused),
                cmocka_unit_test(test_line_ends),
                cmocka_unit_test(test_quoted_text_reads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
