/* SPDX-License-Identifier: MIT */
/* proc(5). A unix socket's queue is asked of the kernel by its inode; a TCP one's is in its line, without its limit. */

#include "doctor/listeners.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/unixdiag.h"
#include "doctor/address.h"

#define LISTENERS_MAX    ((size_t)64 << 20)
#define LISTENERS_ACCEPT 0x10000U /* __SO_ACCEPTCON */
#define LISTENERS_LISTEN 0x0AU    /* TCP_LISTEN */

void doctor_listeners_done(struct doctor_listeners *l) {
        free(l->items);
        *l = (struct doctor_listeners){};
}

bool doctor_listeners_take_unix(const char *line, uint64_t *ret_inode, const char **ret_path) {
        unsigned flags;
        int at = 0;

        if (sscanf(line, "%*s %*s %*s %x %*s %*s %" SCNu64 " %n", &flags, ret_inode, &at) < 2 || at == 0)
                return false;
        *ret_path = line + at;
        return (flags & LISTENERS_ACCEPT) && **ret_path == '/';
}

/* Words of 32 bits as the machine has them, in hexadecimal. */
static bool listeners_take_address(const char *hex, unsigned port, struct addr *ret) {
        uint32_t words[4] = {};
        size_t n = strlen(hex) / 8;

        if (n != 1 && n != 4)
                return false;
        for (size_t i = 0; i < n; i++)
                if (sscanf(hex + i * 8, "%8" SCNx32, &words[i]) != 1)
                        return false;
        *ret = (struct addr){};
        if (n == 1) {
                struct sockaddr_in *in = (struct sockaddr_in *)&ret->storage;

                in->sin_family = AF_INET;
                in->sin_port = htons((uint16_t)port);
                in->sin_addr.s_addr = words[0];
                ret->n = sizeof(*in);
        } else {
                struct sockaddr_in6 *in = (struct sockaddr_in6 *)&ret->storage;

                in->sin6_family = AF_INET6;
                in->sin6_port = htons((uint16_t)port);
                memcpy(&in->sin6_addr, words, sizeof(words));
                ret->n = sizeof(*in);
        }
        return true;
}

bool doctor_listeners_take_tcp(const char *line, struct doctor_listener *ret) {
        unsigned port, state;
        char hex[33];

        *ret = (struct doctor_listener){ .path = "", .holder_name = "", .holder_unit = "" };
        if (sscanf(line, "%*s %32[0-9A-Fa-f]:%x %*s %x %*x:%" SCNx64 " %*s %*s %*s %*s %" SCNu64, hex, &port, &state,
                   &ret->waiting, &ret->inode) != 5)
                return false;
        ret->has_queue = true;
        return state == LISTENERS_LISTEN && listeners_take_address(hex, port, &ret->addr);
}

static void listeners_add(struct doctor_facts *f, struct doctor_listeners *l, const struct doctor_listener *one) {
        struct doctor_listener *items = reallocarray(l->items, l->n + 1, sizeof(*items));

        if (!items) {
                f->failed = true;
                return;
        }
        l->items = items;
        items[l->n++] = *one;
}

static void listeners_add_unix(struct doctor_facts *f, struct doctor_listeners *l, const char *line) {
        struct doctor_listener one = { .holder_name = "", .holder_unit = "" };

        if (!doctor_listeners_take_unix(line, &one.inode, &one.path))
                return;
        one.path = doctor_facts_keep(f, one.path);
        listeners_add(f, l, &one);
}

static void listeners_add_tcp(struct doctor_facts *f, struct doctor_listeners *l, const char *line) {
        struct doctor_listener one;

        if (doctor_listeners_take_tcp(line, &one))
                listeners_add(f, l, &one);
}

static void listeners_read_list(struct doctor_facts *f, struct doctor_listeners *l, const char *path) {
        void (*add)(struct doctor_facts *, struct doctor_listeners *, const char *) =
                text_has_suffix(path, "unix") ? listeners_add_unix : listeners_add_tcp;
        _cleanup_free_ char *data = NULL;
        char *rest, *line;
        int r;

        r = fd_read_file(path, LISTENERS_MAX, &data, NULL);
        if (r < 0) {
                if (r == -ENOENT) /* a kernel without IPv6 */
                        return;
                l->known = DOCTOR_NO;
                doctor_facts_unseen(f, path, strerror(-r));
                return;
        }
        rest = data;
        while ((line = strsep(&rest, "\n")))
                add(f, l, line);
}

void doctor_listeners_read(struct doctor_facts *f, struct doctor_listeners *ret) {
        *ret = (struct doctor_listeners){ .known = DOCTOR_YES };
        listeners_read_list(f, ret, "/proc/net/unix");
        listeners_read_list(f, ret, "/proc/net/tcp");
        listeners_read_list(f, ret, "/proc/net/tcp6");
}

void doctor_listeners_ask_queues(struct doctor_listeners *l) {
        for (size_t i = 0; i < l->n; i++) {
                struct doctor_listener *one = &l->items[i];
                struct unixdiag diag;

                if (!*one->path || !unixdiag_ask_inode((uint32_t)one->inode, &diag) || !diag.listens)
                        continue;
                one->has_queue = true;
                one->waiting = diag.waiting;
                one->limit = diag.limit;
        }
}

const struct doctor_listener *doctor_listeners_find(const struct doctor_listeners *l, const char *address) {
        struct addr addr;
        bool is_tcp = doctor_address_take_tcp(address, &addr);

        for (size_t i = 0; i < l->n; i++) {
                const struct doctor_listener *one = &l->items[i];

                if (*one->path ? doctor_address_is_same(one->path, address)
                               : is_tcp && doctor_address_reaches(&one->addr, &addr))
                        return one;
        }
        return NULL;
}
