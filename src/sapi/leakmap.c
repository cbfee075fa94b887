/* SPDX-License-Identifier: MIT */
/* See leaks.h. Open addressing; a key that is 0 is another one. */

#include "sapi/leaks.h"

#define LEAKMAP_FIRST 1024U

struct leakmap_entry {
        uint64_t key; /* 0: empty */
        uint32_t value;
};

static struct leakmap_entry *leakmap_place(struct leakmap_entry *entries, size_t size, uint64_t key) {
        size_t i = (size_t)key & (size - 1);

        while (entries[i].key != 0 && entries[i].key != key)
                i = (i + 1) & (size - 1);
        return &entries[i];
}

static bool leakmap_grow(struct leakmap *m) {
        size_t size = m->size ? m->size * 2 : LEAKMAP_FIRST;
        struct leakmap_entry *entries = calloc(size, sizeof(*entries));

        if (!entries)
                return false;
        for (size_t i = 0; i < m->size; i++)
                if (m->entries[i].key != 0)
                        *leakmap_place(entries, size, m->entries[i].key) = m->entries[i];
        free(m->entries);
        m->entries = entries;
        m->size = size;
        return true;
}

bool sapi_leakmap_put(struct leakmap *m, uint64_t key, uint32_t value) {
        struct leakmap_entry *e;

        key = key ?: 1;
        if (m->n * 2 >= m->size && !leakmap_grow(m))
                return false;
        e = leakmap_place(m->entries, m->size, key);
        if (e->key != 0)
                return false;
        *e = (struct leakmap_entry){ .key = key, .value = value };
        m->n++;
        return true;
}

uint32_t sapi_leakmap_get(const struct leakmap *m, uint64_t key) {
        const struct leakmap_entry *e;

        if (m->size == 0)
                return UINT32_MAX;
        e = leakmap_place(m->entries, m->size, key ?: 1);
        return e->key ? e->value : UINT32_MAX;
}

void sapi_leakmap_done(struct leakmap *m) {
        free(m->entries);
        *m = (struct leakmap){};
}
