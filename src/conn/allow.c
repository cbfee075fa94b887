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
#include <sys/socket.h>

#include "base/number.h"
#include "base/text.h"
#include "log/peer.h"

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

/* What is no number names nobody. */
static int allow_parse_users(const char *uids, struct allow *a) {
        size_t n;

        a->restricts_users = uids;
        for (const char *word; uids && (word = text_word(&uids, ALLOW_BLANKS, &n));) {
                char digits[20 + 1];
                uint64_t uid;
                uid_t *grown;

                text_copy(digits, sizeof(digits), word, n);
                if (number_parse_u64(digits, UINT32_MAX - 1, &uid) < 0)
                        continue;
                grown = reallocarray(a->uids, a->n_uids + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                a->uids = grown;
                a->uids[a->n_uids++] = (uid_t)uid;
        }
        return 0;
}

static int allow_parse_clients(const char *list, struct allow *a, void (*wrong)(const char *word)) {
        bool any = false;

        for (const char *p = list; p;) {
                char word[ALLOW_WORD_MAX + 1];
                bool everybody;
                int r;

                p = allow_next(p, word, sizeof(word));
                everybody = text_equal(word, "any");
                r = everybody ? 0 : allow_add(a, word);
                if (r < 0 && r != -EINVAL)
                        return r;
                if (r < 0 && wrong)
                        wrong(word);
                any |= everybody;
        }
        a->restricts = list && !any; /* a list that names nobody admits nobody */
        return 0;
}

int allow_parse(const struct allow_lists *lists, struct allow *ret, void (*wrong)(const char *word)) {
        _cleanup_allow_ struct allow a = {};
        int r = allow_parse_clients(lists->clients, &a, wrong);

        if (r == 0)
                r = allow_parse_users(lists->uids, &a);
        if (r < 0)
                return r;
        *ret = a;
        a = (struct allow){};
        return 0;
}

void allow_done(struct allow *a) {
        free(a->items);
        free(a->uids);
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

bool allow_permits_user(const struct allow *a, uid_t uid) {
        for (size_t i = 0; i < a->n_uids; i++)
                if (a->uids[i] == uid)
                        return true;
        return !a->restricts_users;
}

static bool allow_admits_address(const struct allow *a, int fd, const char *pool) {
        char host[ADDR_TEXT_MAX];
        struct addr peer;

        if (!a->restricts)
                return true;
        if (addr_of_peer(fd, &peer) < 0)
                return false;
        if (allow_permits(a, &peer))
                return true;
        peer_log_denied(pool, addr_format_host(&peer, host));
        return false;
}

/* The kernel's word, of the moment of connect(2). Where there is none the user is -1, whom no list names. */
static bool allow_admits_user(const struct allow *a, int fd, const char *pool) {
        struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
        socklen_t n = sizeof(peer);

        if (!a->restricts_users)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                peer.uid = (uid_t)-1;
        if (allow_permits_user(a, peer.uid))
                return true;
        peer_log_denied_user(pool, &peer);
        return false;
}

bool allow_admits(const struct allow *a, int fd, const char *pool) {
        if (allow_admits_address(a, fd, pool) && allow_admits_user(a, fd, pool))
                return true;
        if (a->n_denied)
                atomic_fetch_add_explicit(a->n_denied, 1, memory_order_relaxed);
        return false;
}
