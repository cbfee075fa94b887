/* SPDX-License-Identifier: MIT */
/* Growing text; see text.h. Sizes double, so appends are amortised constant time. */

#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void text_done(struct text *t) {
        free(t->data);
        *t = (struct text){};
}

static bool text_reserve(struct text *t, size_t n) {
        size_t size;
        char *p;

        if (t->failed)
                return false;
        if (n >= SIZE_MAX / 2 - t->n - 1) {
                t->failed = true;
                return false;
        }
        if (t->size - t->n > n)
                return true;

        size = MAX(t->size * 2, t->n + n + 1);
        size = MAX(size, (size_t)128);
        p = realloc(t->data, size);
        if (!p) {
                t->failed = true;
                return false;
        }
        t->data = p;
        t->size = size;
        return true;
}

void text_append_n(struct text *t, const void *data, size_t n) {
        if (!text_reserve(t, n))
                return;
        if (n > 0)
                memcpy(t->data + t->n, data, n);
        t->n += n;
        t->data[t->n] = '\0';
}

void text_append(struct text *t, const char *s) {
        text_append_n(t, s, strlen(s));
}

void text_append_c(struct text *t, char c) {
        text_append_n(t, &c, 1);
}

void text_vprintf(struct text *t, const char *fmt, va_list ap) {
        va_list again;
        int n, saved = errno;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, fmt, ap);
        if (n < 0)
                t->failed = true;
        else if (text_reserve(t, (size_t)n)) {
                errno = saved; /* a %m must come out as long as it was counted */
                vsnprintf(t->data + t->n, t->size - t->n, fmt, again);
                t->n += (size_t)n;
        }
        va_end(again);
}

void text_printf(struct text *t, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        text_vprintf(t, fmt, ap);
        va_end(ap);
}

void text_cut(struct text *t, size_t n) {
        if (n >= t->n)
                return;
        t->n = n;
        t->data[n] = '\0';
}

int text_finish(struct text *t, char **ret, size_t *ret_n) {
        text_append_n(t, "", 0); /* an empty text is "", not NULL */
        if (t->failed) {
                text_done(t);
                return -ENOMEM;
        }
        if (ret_n)
                *ret_n = t->n;
        *ret = TAKE_PTR(t->data);
        *t = (struct text){};
        return 0;
}

const char *text_peek(const struct text *t) {
        return t->data ? t->data : "";
}

bool text_equal(const char *a, const char *b) {
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

bool text_has_prefix(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);

        return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

size_t text_copy(char *dst, size_t n, const char *s, size_t n_s) {
        size_t k;

        if (n == 0)
                return 0;
        k = MIN(n - 1, n_s);
        if (k > 0)
                memcpy(dst, s, k);
        dst[k] = '\0';
        return k;
}

const char *text_behind_key(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, n) == 0 && line[n] != '\0' && strchr(" \t:", line[n]))
                        return line + n + 1;
        }
        return NULL;
}

const char *text_word(const char **list, const char *separators, size_t *ret_n) {
        const char *word = *list + strspn(*list, separators);

        *ret_n = strcspn(word, separators);
        *list = word + *ret_n;
        return *ret_n > 0 ? word : NULL;
}

/* line: with its end. */
static bool text_has_line(const struct text *t, const char *line) {
        const char *all = text_peek(t);

        for (const char *p = all; (p = strstr(p, line)); p++)
                if (p == all || p[-1] == '\n')
                        return true;
        return false;
}

void text_append_lines_once(struct text *t, const char *before, const char *lines) {
        const char *line;
        size_t n;

        while ((line = text_word(&lines, "\n", &n))) {
                _cleanup_text_ struct text one = {};

                text_printf(&one, "%s%.*s\n", before, (int)n, line);
                t->failed |= one.failed;
                if (!text_has_line(t, text_peek(&one)))
                        text_append(t, text_peek(&one));
        }
}
