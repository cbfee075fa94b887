/* SPDX-License-Identifier: MIT */
/* A load generator is a weapon: it is loaded for this machine's own sockets and for nothing else, whatever its user
 * types. */

#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static bool target_is_loopback(const struct addr *a) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;

        switch (a->sa.sa_family) {
        case AF_INET:
                return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        case AF_INET6:
                return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
        default:
                return false;
        }
}

int load_target_parse(const char *s, struct addr *ret) {
        struct addr a;
        int r;

        r = addr_parse(s, &a);
        if (r < 0)
                return r;
        if (a.sa.sa_family != AF_UNIX && !target_is_loopback(&a))
                return -EPERM;
        *ret = a;
        return 0;
}
