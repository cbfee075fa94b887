/* SPDX-License-Identifier: MIT */
/*
 * See leaks.h. A place of the ring is its writer's between two steps of its seq. Two writers meet there only when one
 * stands still while 256 leaks are found: then the copy is mixed, and its texts still end.
 */

#include "scoreboard/leaks.h"

#include <string.h>

void leaks_want(struct scoreboard *s, uint32_t n) {
        atomic_store_explicit(&s->header.leaks_wanted, n, memory_order_relaxed);
}

bool leaks_take(struct scoreboard *s) {
        uint32_t n = atomic_load_explicit(&s->header.leaks_wanted, memory_order_relaxed);

        while (n > 0)
                if (atomic_compare_exchange_weak_explicit(&s->header.leaks_wanted, &n, n - 1, memory_order_relaxed,
                                                          memory_order_relaxed))
                        return true;
        return false;
}

void leaks_put(struct scoreboard *s, const struct scoreboard_leak *leak) {
        uint64_t number = atomic_fetch_add_explicit(&s->leaks.found, 1, memory_order_relaxed);
        struct scoreboard_leak *place = &s->leaks.ring[number % SCOREBOARD_LEAKS];
        size_t seq = sizeof(place->seq);

        atomic_fetch_or_explicit(&place->seq, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        memcpy((char *)place + seq, (const char *)leak + seq, sizeof(*place) - seq);
        atomic_fetch_add_explicit(&place->seq, 1, memory_order_release);
}

void leaks_count_examined(struct scoreboard *s) {
        atomic_fetch_add_explicit(&s->leaks.examined, 1, memory_order_release);
}

bool leaks_read(const struct scoreboard *s, uint64_t number, struct scoreboard_leak *ret) {
        const struct scoreboard_leak *place = &s->leaks.ring[number % SCOREBOARD_LEAKS];
        uint64_t found = atomic_load_explicit(&s->leaks.found, memory_order_acquire);
        uint32_t seq = atomic_load_explicit(&place->seq, memory_order_acquire);

        memcpy(ret, place, sizeof(*ret));
        atomic_thread_fence(memory_order_acquire);
        ret->name[sizeof(ret->name) - 1] = ret->what[sizeof(ret->what) - 1] = ret->file[sizeof(ret->file) - 1] = '\0';
        if (ret->kind >= _SCOREBOARD_LEAK_MAX)
                ret->kind = SCOREBOARD_LEAK_GREW;
        return number < found && found - number <= SCOREBOARD_LEAKS && !(seq & 1) &&
               atomic_load_explicit(&place->seq, memory_order_relaxed) == seq;
}

const char *leaks_heading(uint32_t kind) {
        static const char *const headings[] = {
#define X(symbol, heading) [SCOREBOARD_LEAK_##symbol] = heading,
                SCOREBOARD_LEAK_KINDS(X)
#undef X
        };

        return kind < _SCOREBOARD_LEAK_MAX ? headings[kind] : "unknown";
}
