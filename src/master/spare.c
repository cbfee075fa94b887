/* SPDX-License-Identifier: MIT */
#include "master/spare.h"

#include <stdlib.h>

#include "base/nowait.h"
#include "log/log.h"
#include "units/advice.h"

void spare_close(struct inherited *all) {
        for (size_t i = 0; i < all->n; i++) {
                struct inherited_socket *s = &all->items[i];

                if (s->claimed)
                        continue;
                nowait_close(s->fd);
                s->claimed = s->spare = true;
        }
}

const struct inherited_socket *spare_next(const struct inherited *all, size_t *i) {
        while (*i < all->n) {
                const struct inherited_socket *s = &all->items[(*i)++];
                const struct inherited_socket *first = all->items;

                while (first < s && !(first->spare && text_equal(first->label, s->label)))
                        first++;
                if (s->spare && first == s)
                        return s;
        }
        return NULL;
}

void spare_log(const struct inherited *all) {
        const struct inherited_socket *s;

        for (size_t i = 0; (s = spare_next(all, &i));) {
                _cleanup_text_ struct text line = {};

                advice_put_spare_line(s->label, "this service", &line);
                log_write(&(struct log_entry){ .level = LOG_LEVEL_WARNING, .message = text_peek(&line) });
        }
}

void spare_list(const struct inherited *all, const char *before, struct text *out) {
        const struct inherited_socket *s;

        for (size_t i = 0; (s = spare_next(all, &i));) {
                text_append(out, before);
                advice_put_spare_line(s->label, "this service", out);
                text_append_c(out, '\n');
        }
}

char **spare_names(const struct inherited *all, size_t *ret_n) {
        char **names = calloc(all->n + 1, sizeof(*names));
        const struct inherited_socket *s;
        size_t n = 0;

        for (size_t i = 0; names && (s = spare_next(all, &i));)
                names[n++] = s->label;
        *ret_n = n;
        return names;
}
