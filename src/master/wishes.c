/* SPDX-License-Identifier: MIT */
#include "master/wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "log/log.h"
#include "master/control.h"

struct wish {
        struct wish *next;
        uint64_t ticket;
        char names[]; /* one a line */
};

/* Without memory for it there is no other way than to do more than was asked for. */
static void wishes_push(struct wishes *w, const char *names, uint64_t ticket) {
        size_t n = strlen(names) + 1;
        struct wish *wish = n > 1 ? malloc(sizeof(*wish) + n) : NULL;

        w->any = true;
        if (!wish) {
                w->all = true;
                return;
        }
        *wish = (struct wish){ .next = w->named, .ticket = ticket };
        memcpy(wish->names, names, n);
        w->named = wish;
}

void wishes_add(struct master *m, const char *names, uint64_t ticket) {
        wishes_push(&m->reload.wishes, names, ticket);
}

void wishes_add_changed(struct master *m) {
        m->reload.wishes.any = m->reload.wishes.changed = true;
}

void wishes_done(struct wishes *w) {
        while (w->named) {
                struct wish *wish = w->named;

                w->named = wish->next;
                free(wish);
        }
        *w = (struct wishes){};
}

void wishes_forgo(struct master *m) {
        wishes_done(&m->reload.wishes);
        control_reload_forgone(m, "the service is stopping");
}

struct wishes wishes_take(struct master *m) {
        struct wishes w = m->reload.wishes;

        m->reload.wishes = (struct wishes){};
        return w;
}

/* A line for each of its names that no pool has, as of an empty one, which text_word() would leave out. */
static int wishes_find_unknown(const struct wish *wish, const struct conf *conf, struct text *ret) {
        for (const char *p = wish->names; *p;) {
                size_t n = strcspn(p, "\n");
                _cleanup_free_ char *name = strndup(p, n);

                if (!name)
                        return -ENOMEM;
                if (!conf_find_pool(conf, name))
                        text_printf(ret, "%sthere is no pool '%s' in the configuration", ret->n > 0 ? "\n" : "", name);
                p += n + (p[n] == '\n');
        }
        return ret->failed ? -ENOMEM : 0;
}

static void wishes_deny(struct master *m, const struct wish *wish, const char *why) {
        const char *lines = why, *line;
        size_t n;

        while ((line = text_word(&lines, "\n", &n)))
                log_own("not reloaded: %.*s", (int)n, line);
        control_reload_denied(m, wish->ticket, why);
}

int wishes_sort(struct master *m, const struct wishes *w, const struct conf *conf, struct text *names,
                struct plan_scope *ret) {
        for (const struct wish *wish = w->named; wish; wish = wish->next) {
                _cleanup_text_ struct text why = {};
                int r = wishes_find_unknown(wish, conf, &why);

                if (r < 0)
                        return r;
                if (why.n > 0)
                        wishes_deny(m, wish, text_peek(&why));
                else
                        text_append(names, wish->names);
        }
        *ret = (struct plan_scope){ .all = w->all, .changed = w->changed, .names = text_peek(names) };
        if (names->failed)
                return -ENOMEM;
        return ret->all || ret->changed || names->n > 0 ? 0 : WISHES_E_NONE;
}
