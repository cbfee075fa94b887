/* SPDX-License-Identifier: MIT */

#include "leaklist.h"

#include <stdlib.h>
#include <string.h>

#include "scoreboard/leaks.h"

static struct leaklist_item *leaklist_find(const struct leaklist *list, const struct scoreboard_leak *leak) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].last.kind == leak->kind && strcmp(list->items[i].last.name, leak->name) == 0)
                        return &list->items[i];
        return NULL;
}

static void leaklist_add(struct leaklist *list, const struct scoreboard_leak *leak) {
        struct leaklist_item *item = leaklist_find(list, leak), *items;

        if (!item && list->n == LEAKLIST_MAX) {
                list->lost++;
                return;
        }
        if (!item) {
                items = reallocarray(list->items, list->n + 1, sizeof(*items));
                if (!items) {
                        list->failed = true;
                        return;
                }
                list->items = items;
                item = &items[list->n++];
                item->n = 0;
        }
        item->last = *leak;
        item->n++;
}

void leaklist_read(struct leaklist *list, const struct scoreboard *s, uint64_t *next) {
        uint64_t found = atomic_load_explicit(&s->leaks.found, memory_order_acquire);
        struct scoreboard_leak leak;

        if (found > *next && found - *next > SCOREBOARD_LEAKS) {
                list->lost += found - *next - SCOREBOARD_LEAKS;
                *next = found - SCOREBOARD_LEAKS;
        }
        for (; *next < found; (*next)++)
                if (leaks_read(s, *next, &leak))
                        leaklist_add(list, &leak);
                else
                        list->lost++;
}

void leaklist_done(struct leaklist *list) {
        free(list->items);
        *list = (struct leaklist){};
}
