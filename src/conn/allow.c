/* SPDX-License-Identifier: MIT */
/*
 * Addresses are compared as 128 bits: a v4 address is kept as ::ffff:a.b.c.d, the form in which a listener on [::]
 * shows its v4 peers, so that one comparison does for all.
 */

#include "conn/allow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ALLOW_BLANKS     " \t"
#define ALLOW_SEPARATORS "," ALLOW_BLANKS
#define ALLOW_WORD_MAX   255 /* more than any address: a longer word is cut, and wrong */

static struct in6_addr allow_map(const struct in_addr *v4) {
        struct in6_addr v6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

        memcpy(v6.s6_addr + 12, v4, sizeof(*v4));
        return v6;
}

/* One address of the list, to the items' end. */
static int allow_add(struct allow *a, const char *word) {
        struct in6_addr address, *items;
        struct in_addr v4;

        if (inet_pton(AF_INET, word, &v4) == 1)
                address = allow_map(&v4);
        else if (inet_pton(AF_INET6, word, &address) != 1)
                return -EINVAL;
        items = reallocarray(a->items, a->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        a->items = items;
        a->items[a->n++] = address;
        return 0;
}

/* One item, which may be empty, and what is behind it; NULL: it was the last. */
static const char *allow_next(const char *p, char *ret, size_t size) {
        size_t n;

        p += strspn(p, ALLOW_BLANKS);
        n = strcspn(p, ALLOW_SEPARATORS);
        text_copy(ret, size, p, n);
        p += n;
        p += strspn(p, ALLOW_BLANKS);
        if (*p == ',')
                return p + 1;
        return *p ? p : NULL;
}

int allow_parse(const char *list, struct allow *ret, void (*wrong)(const char *word)) {
        _cleanup_allow_ struct allow a = {};
        bool any = false;

        for (const char *p = list; p;) {
                char word[ALLOW_WORD_MAX + 1];
                bool everybody;
                int r;

                p = allow_next(p, word, sizeof(word));
                everybody = text_equal(word, "any");
                r = everybody ? 0 : allow_add(&a, word);
                if (r < 0 && r != -EINVAL)
                        return r;
                if (r < 0 && wrong)
                        wrong(word);
                any |= everybody;
        }
        a.restricts = list && !any; /* a list that names nobody admits nobody */
        *ret = a;
        a = (struct allow){};
        return 0;
}

void allow_done(struct allow *a) {
        free(a->items);
        *a = (struct allow){};
}

bool allow_permits(const struct allow *a, const struct addr *peer) {
        struct in6_addr address;

        if (!a->restricts || peer->sa.sa_family == AF_UNIX)
                return true;
        if (peer->sa.sa_family == AF_INET)
                address = allow_map(&((const struct sockaddr_in *)&peer->storage)->sin_addr);
        else if (peer->sa.sa_family == AF_INET6)
                address = ((const struct sockaddr_in6 *)&peer->storage)->sin6_addr;
        else
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (memcmp(&a->items[i], &address, sizeof(address)) == 0)
                        return true;
        return false;
}

bool allow_admits(const struct allow *a, int fd, void (*denied)(const char *pool, const char *host), const char *pool) {
        char host[ADDR_TEXT_MAX];
        struct addr peer;

        if (!a->restricts)
                return true;
        if (addr_of_peer(fd, &peer) < 0)
                return false;
        if (allow_permits(a, &peer))
                return true;
        denied(pool, addr_format_host(&peer, host));
        return false;
}
