/* SPDX-License-Identifier: MIT */
/* "localhost" is read as 127.0.0.1, and any loopback address as any other: web servers try both. */

#include "doctor/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *doctor_address_skip_var(const char *path) {
        return text_has_prefix(path, "/var/run/") ? path + strlen("/var") : path;
}

bool doctor_address_take_tcp(const char *s, struct addr *ret) {
        char buf[ADDR_TEXT_MAX];

        if (strchr(s, '/') || strlen(s) >= sizeof(buf) / 2)
                return false;
        if (text_has_prefix(s, "localhost:"))
                snprintf(buf, sizeof(buf), "127.0.0.1:%s", s + strlen("localhost:"));
        else if (text_has_prefix(s, "*:"))
                snprintf(buf, sizeof(buf), "%s", s + strlen("*:"));
        else
                snprintf(buf, sizeof(buf), "%s", s);
        if (buf[strspn(buf, "0123456789abcdefABCDEF.:[]")] != '\0')
                return false;
        return addr_parse(buf, ret) == 0 && ret->sa.sa_family != AF_UNIX;
}

static const struct in6_addr *address_v6(const struct addr *a) {
        return &((const struct sockaddr_in6 *)&a->storage)->sin6_addr;
}

/* The IPv4 address, also where it is written as an IPv6 one. */
static bool address_take_v4(const struct addr *a, uint32_t *ret) {
        if (a->sa.sa_family == AF_INET) {
                *ret = ntohl(((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr);
                return true;
        }
        if (!IN6_IS_ADDR_V4MAPPED(address_v6(a)))
                return false;
        memcpy(ret, &address_v6(a)->s6_addr[12], sizeof(*ret));
        *ret = ntohl(*ret);
        return true;
}

static bool address_is_any(const struct addr *a) {
        uint32_t v4;

        return address_take_v4(a, &v4) ? v4 == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(address_v6(a));
}

static bool address_is_loopback(const struct addr *a) {
        uint32_t v4;

        return address_take_v4(a, &v4) ? v4 >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(address_v6(a));
}

uint16_t doctor_address_port(const struct addr *a) {
        return ntohs(a->sa.sa_family == AF_INET ? ((const struct sockaddr_in *)&a->storage)->sin_port
                                                : ((const struct sockaddr_in6 *)&a->storage)->sin6_port);
}

bool doctor_address_reaches(const struct addr *listener, const struct addr *target) {
        uint32_t a, b;

        if (doctor_address_port(listener) != doctor_address_port(target))
                return false;
        if (address_is_any(listener) || (address_is_loopback(listener) && address_is_loopback(target)))
                return true;
        if (address_take_v4(listener, &a) && address_take_v4(target, &b))
                return a == b;
        return addr_equal(listener, target);
}

bool doctor_address_is_same(const char *listener, const char *target) {
        struct addr a, b;

        if (strchr(listener, '/') || strchr(target, '/'))
                return text_equal(doctor_address_skip_var(listener), doctor_address_skip_var(target));
        return doctor_address_take_tcp(listener, &a) && doctor_address_take_tcp(target, &b) &&
               doctor_address_reaches(&a, &b);
}

bool doctor_address_is_here(const char *s) {
        struct addr a;

        return s[0] == '/' || (doctor_address_take_tcp(s, &a) && (address_is_loopback(&a) || address_is_any(&a)));
}
