/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Addresses of listen sockets and peers, as php-fpm's `listen` writes them: a unix path (anything with a slash), a
 * port, host:port, [v6]:port. Host names are resolved, as php-fpm does; "*:port" is not special there and not here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
        socklen_t n;
        union {
                struct sockaddr sa;
                struct sockaddr_un un;
                struct sockaddr_storage storage;
        };
};

#define ADDR_TEXT_MAX 128

/* 0; -EINVAL (no such form); -ENAMETOOLONG (unix path over 107 bytes); -ERANGE (port not 1..65535); -ENXIO
 * (host does not resolve). A bare port is the IPv6 wildcard with v4 mapped where IPv6 exists, else the IPv4 one. */
int addr_parse(const char *s, struct addr *ret);

/* Makes all addresses of IPv4 of all addresses, with the same port. */
void addr_narrow_to_ipv4(struct addr *a);

/* The address of a bound socket (getsockname(2)) or of its peer (getpeername(2)). 0 or -errno. */
int addr_of_socket(int fd, struct addr *ret);
int addr_of_peer(int fd, struct addr *ret);

/* "/run/x.sock", "127.0.0.1:9000", "[::1]:9000", "@abstract"; "unix" for an unnamed peer. Cut to ADDR_TEXT_MAX. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);

/* The same without the port: "127.0.0.1", "::1". A v4 peer of a v6 listener is v4. */
const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT_MAX]);

/* Same family, same address, same port or path. A v4 address does not equal its mapped v6 form, but the two
 * wildcards do: systemd binds `ListenStream=9000` to [::]. */
bool addr_equal(const struct addr *a, const struct addr *b);
