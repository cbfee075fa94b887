/* SPDX-License-Identifier: MIT */
/*
 * Two sockets with SO_REUSEPORT may have the same port, one of them for all addresses, and the kernel says nothing; so
 * that is found here. For each version of IP that an address stands for there are claims beside the address itself:
 * that somebody has the port, and that somebody has it for all addresses. [::] stands for both versions: ipv6(7),
 * IPV6_V6ONLY.
 */

#include "units/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/text.h"

struct address {
        bool v4, v6, all;
        unsigned port;
        char text[INET6_ADDRSTRLEN];
};

static void addresses_read_v6(const struct sockaddr_in6 *in6, struct address *ret) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

        ret->port = ntohs(in6->sin6_port);
        ret->all = IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
        ret->v6 = !mapped;
        ret->v4 = mapped || ret->all;
        if (mapped) {
                inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], ret->text, sizeof(ret->text));
                ret->all = text_equal(ret->text, "0.0.0.0");
        } else
                inet_ntop(AF_INET6, &in6->sin6_addr, ret->text, sizeof(ret->text));
}

static void addresses_read_v4(const struct sockaddr_in *in, struct address *ret) {
        ret->v4 = true;
        ret->port = ntohs(in->sin_port);
        ret->all = in->sin_addr.s_addr == htonl(INADDR_ANY);
        inet_ntop(AF_INET, &in->sin_addr, ret->text, sizeof(ret->text));
}

static bool addresses_read(const char *address, struct address *ret) {
        struct addr a;

        *ret = (struct address){};
        if (addr_parse(address, &a) != 0 || a.sa.sa_family == AF_UNIX)
                return false;
        if (a.sa.sa_family == AF_INET)
                addresses_read_v4((const struct sockaddr_in *)&a.storage, ret);
        else
                addresses_read_v6((const struct sockaddr_in6 *)&a.storage, ret);
        if (!strchr(address, ':')) /* systemd's [::], also where this process sees no IPv6 */
                ret->v4 = ret->v6 = ret->all = true;
        return true;
}

/* What is claimed for all addresses of that version, or for some. */
struct port {
        char text[64];
};

static struct port addresses_port(const char *kind, char version, unsigned port) {
        struct port p;

        snprintf(p.text, sizeof(p.text), "%s IPv%c port %u", kind, version, port);
        return p;
}

static int addresses_take_version(struct claims *c, const struct address *a, char version, struct conf_where where) {
        const char *ignored;
        int r;

        r = claims_take(c, addresses_port("some", version, a->port).text, where, &ignored);
        if (r >= 0 && a->all)
                r = claims_take(c, addresses_port("all", version, a->port).text, where, &ignored);
        return r;
}

static bool addresses_overlaps(const struct claims *c, const struct address *a, char version, const char **ret) {
        return claims_find(c, addresses_port(a->all ? "some" : "all", version, a->port).text, ret) == CLAIMS_E_TAKEN;
}

static int addresses_take_tcp(struct claims *c, const struct address *a, struct conf_where where, const char **ret) {
        char what[64];
        int r;

        if ((a->v4 && addresses_overlaps(c, a, '4', ret)) || (a->v6 && addresses_overlaps(c, a, '6', ret)))
                return ADDRESSES_E_TAKEN;
        snprintf(what, sizeof(what), "[%s]:%u", a->text, a->port);
        r = claims_take(c, what, where, ret);
        if (r != 0)
                return r == CLAIMS_E_TAKEN ? ADDRESSES_E_TAKEN : r;
        r = a->v4 ? addresses_take_version(c, a, '4', where) : 0;
        if (r >= 0 && a->v6)
                r = addresses_take_version(c, a, '6', where);
        return r < 0 ? r : 0;
}

/* Appends the path without "//", "/./" and "/../". */
static void addresses_put_path(const char *path, struct text *out) {
        const char *word;
        size_t n;

        while ((word = text_word(&path, "/", &n))) {
                if (n == 1 && word[0] == '.')
                        continue;
                if (n == 2 && word[0] == '.' && word[1] == '.') {
                        while (out->n > 0 && out->data[--out->n] != '/')
                                ;
                        continue;
                }
                text_append_c(out, '/');
                text_append_n(out, word, n);
        }
}

int addresses_take(struct claims *c, const char *address, struct conf_where where, const char **ret) {
        _cleanup_text_ struct text path = {};
        struct address a;
        const char *what;
        int r;

        if (addresses_read(address, &a))
                return addresses_take_tcp(c, &a, where, ret);
        if (address[0] == '/')
                addresses_put_path(address, &path);
        text_append_c(&path, '\0');
        if (path.failed)
                return -ENOMEM;
        what = address[0] == '/' ? path.data : address;
        r = claims_take(c, text_has_prefix(what, "/var/run/") ? what + strlen("/var") : what, where, ret);
        return r == CLAIMS_E_TAKEN ? ADDRESSES_E_TAKEN : r;
}
