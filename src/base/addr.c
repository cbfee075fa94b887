/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses; see addr.h. Text is parsed by the last colon, so "::1:9000" is the host "::1". Of a name with
 * several addresses the resolver's first is taken. What a kernel or a peer says about a length is checked before it is
 * used.
 */

#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/number.h"

static int addr_parse_unix(const char *s, struct addr *ret) {
        struct addr a = { .un.sun_family = AF_UNIX };
        size_t n = strlen(s);

        if (n >= sizeof(a.un.sun_path))
                return -ENAMETOOLONG;
        memcpy(a.un.sun_path, s, n + 1);
        a.n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
        *ret = a;
        return 0;
}

static int addr_resolve_number(const char *ip, uint16_t port, struct addr *ret) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        if (inet_pton(AF_INET, ip, &in.sin_addr) != 1)
                return -ENXIO;
        *ret = (struct addr){ .n = sizeof(in) };
        memcpy(&ret->storage, &in, sizeof(in));
        return 0;
}

static int addr_resolve(const char *host, uint16_t port, struct addr *ret) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list = NULL;
        char service[8];
        struct addr a = {};

        snprintf(service, sizeof(service), "%u", port);
        if (getaddrinfo(host, service, &hints, &list) != 0 || !list) {
                if (strcmp(host, "localhost") ==
                    0) /* there without a resolver and its files too: RFC 6761 section 6.3 */
                        return addr_resolve_number("127.0.0.1", port, ret);
                return -ENXIO;
        }
        a.n = list->ai_addrlen;
        memcpy(&a.storage, list->ai_addr, list->ai_addrlen);
        freeaddrinfo(list);
        *ret = a;
        return 0;
}

static bool addr_have_ipv6(void) {
        _cleanup_fd_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd >= 0; /* /proc/net is no witness: a sandbox may hide it */
}

static void addr_set_wildcard(uint16_t port, struct addr *ret) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT };

        *ret = (struct addr){ .n = sizeof(in6) };
        memcpy(&ret->storage, &in6, sizeof(in6));
        if (!addr_have_ipv6())
                addr_narrow_to_ipv4(ret);
}

void addr_narrow_to_ipv4(struct addr *a) {
        struct sockaddr_in in = { .sin_family = AF_INET };

        in.sin_port = a->sa.sa_family == AF_INET6 ? ((struct sockaddr_in6 *)&a->storage)->sin6_port
                                                  : ((struct sockaddr_in *)&a->storage)->sin_port;
        *a = (struct addr){ .n = sizeof(in) };
        memcpy(&a->storage, &in, sizeof(in));
}

int addr_parse(const char *s, struct addr *ret) {
        char host[256];
        const char *colon;
        uint64_t port;
        size_t n;
        int r;

        if (strchr(s, '/'))
                return addr_parse_unix(s, ret);

        colon = strrchr(s, ':');
        r = number_parse_range(colon ? colon + 1 : s, 1, 65535, &port);
        if (r < 0)
                return r;
        if (!colon) {
                addr_set_wildcard((uint16_t)port, ret);
                return 0;
        }

        n = (size_t)(colon - s);
        if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
                s++;
                n -= 2;
        }
        if (n == 0 || n >= sizeof(host))
                return -EINVAL;
        memcpy(host, s, n);
        host[n] = '\0';
        return addr_resolve(host, (uint16_t)port, ret);
}

static int addr_of(int (*get)(int, struct sockaddr *restrict, socklen_t *restrict), int fd, struct addr *ret) {
        struct addr a = { .n = sizeof(a.storage) };

        if (get(fd, &a.sa, &a.n) < 0)
                return -errno;
        if (a.n > sizeof(a.storage))
                return -EOVERFLOW;
        *ret = a;
        return 0;
}

int addr_of_socket(int fd, struct addr *ret) {
        return addr_of(getsockname, fd, ret);
}

int addr_of_peer(int fd, struct addr *ret) {
        return addr_of(getpeername, fd, ret);
}

/* The path's bytes without a closing NUL; abstract names start with a NUL that counts. unix(7) */
static size_t addr_unix_len(const struct addr *a) {
        size_t n = a->n > offsetof(struct sockaddr_un, sun_path) ? a->n - offsetof(struct sockaddr_un, sun_path) : 0;

        if (n > sizeof(a->un.sun_path))
                n = sizeof(a->un.sun_path);
        if (n > 0 && a->un.sun_path[0] != '\0')
                n = strnlen(a->un.sun_path, n);
        return n;
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]) {
        char ip[INET6_ADDRSTRLEN];

        switch (a->sa.sa_family) {
        case AF_UNIX: {
                size_t n = addr_unix_len(a);

                if (n == 0)
                        snprintf(buf, ADDR_TEXT_MAX, "unix");
                else if (a->un.sun_path[0] == '\0')
                        snprintf(buf, ADDR_TEXT_MAX, "@%.*s", (int)(n - 1), a->un.sun_path + 1);
                else
                        snprintf(buf, ADDR_TEXT_MAX, "%.*s", (int)n, a->un.sun_path);
                break;
        }
        case AF_INET: {
                const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;

                inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
                snprintf(buf, ADDR_TEXT_MAX, "%s:%u", ip, ntohs(in->sin_port));
                break;
        }
        case AF_INET6: {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;

                inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
                snprintf(buf, ADDR_TEXT_MAX, "[%s]:%u", ip, ntohs(in6->sin6_port));
                break;
        }
        default:
                snprintf(buf, ADDR_TEXT_MAX, "family %d", a->sa.sa_family);
        }
        return buf;
}

const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT_MAX]) {
        switch (a->sa.sa_family) {
        case AF_INET:
                inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->storage)->sin_addr, buf, ADDR_TEXT_MAX);
                return buf;
        case AF_INET6: {
                const struct in6_addr *ip = &((const struct sockaddr_in6 *)&a->storage)->sin6_addr;

                if (IN6_IS_ADDR_V4MAPPED(ip))
                        inet_ntop(AF_INET, &ip->s6_addr[12], buf, ADDR_TEXT_MAX);
                else
                        inet_ntop(AF_INET6, ip, buf, ADDR_TEXT_MAX);
                return buf;
        }
        default:
                return addr_format(a, buf);
        }
}

/* The port in network order when the address is a wildcard of either IP version, else 0. */
static uint16_t addr_wildcard_port(const struct addr *a) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;

        if (a->sa.sa_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY))
                return in->sin_port;
        if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
                return in6->sin6_port;
        return 0;
}

bool addr_equal(const struct addr *a, const struct addr *b) {
        uint16_t wild = addr_wildcard_port(a);

        if (wild && wild == addr_wildcard_port(b))
                return true;
        if (a->sa.sa_family != b->sa.sa_family)
                return false;

        switch (a->sa.sa_family) {
        case AF_UNIX: {
                size_t n = addr_unix_len(a);

                return n == addr_unix_len(b) && memcmp(a->un.sun_path, b->un.sun_path, n) == 0;
        }
        case AF_INET: {
                const struct sockaddr_in *x = (const struct sockaddr_in *)&a->storage;
                const struct sockaddr_in *y = (const struct sockaddr_in *)&b->storage;

                return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
        }
        case AF_INET6: {
                const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&a->storage;
                const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&b->storage;

                return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof(x->sin6_addr)) == 0;
        }
        default:
                return false;
        }
}
