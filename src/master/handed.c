/* SPDX-License-Identifier: MIT */
/* See handed.h. The address in the text is for people: the socket tells its own. */

#include "master/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/number.h"
#include "base/trusted.h"
#include "log/log.h"
#include "master/sockets.h"

#define HANDED_VARIABLES_MAX 256
#define HANDED_TEXT_MAX      255

/* A listening stream socket that was there before this program: its own descriptors are close-on-exec. */
static int handed_check(int fd, struct addr *ret) {
        int flags = fcntl(fd, F_GETFD);

        if (fd <= STDERR_FILENO || flags < 0 || (flags & FD_CLOEXEC))
                return -EBADF;
        return sockets_check(fd, ret);
}

static int handed_add(struct handed *h, int fd, const struct addr *a) {
        struct handed_socket *items = reallocarray(h->items, h->n + 1, sizeof(*items));
        int r = items ? 0 : -ENOMEM;

        if (!items)
                return r;
        h->items = items;
        r = sockets_prepare(fd);
        if (r == 0)
                items[h->n++] = (struct handed_socket){ fd, *a };
        return r;
}

/* One "ADDRESS=DESCRIPTOR", which is written to; a text without '=' is nothing. */
static int handed_take_one(struct handed *h, const char *variable, char *text, struct text *problems) {
        char *equals = strrchr(text, '=');
        struct addr a;
        uint64_t fd;
        int r;

        if (!equals)
                return 0;
        *equals = '\0';
        r = number_parse_u64(equals + 1, INT_MAX, &fd);
        if (r == 0)
                r = handed_check((int)fd, &a);
        if (r == 0) {
                log_notice("using inherited socket fd=%d, \"%s\"", (int)fd, text);
                r = handed_add(h, (int)fd, &a);
        }
        if (r == 0 || r == -ENOMEM)
                return r;
        text_printf(problems, "%s: '%s=%s' is not a listening stream socket of this program's: %s\n", variable, text,
                    equals + 1, strerror(-r));
        return HANDED_E_PROBLEM;
}

static int handed_take_all(struct handed *h, const char *variable, const char *list, struct text *problems) {
        int result = 0;

        for (const char *p = list; *p && result >= 0;) {
                size_t n = strcspn(p, ",");
                char text[HANDED_TEXT_MAX + 1];
                int r;

                text_copy(text, sizeof(text), p, n);
                r = handed_take_one(h, variable, text, problems);
                result = r < 0 ? r : MAX(result, r);
                p += n + (p[n] == ',');
        }
        return result;
}

int handed_take(struct handed *ret, struct text *problems) {
        char variable[sizeof("FPM_SOCKETS_") + 10] = "FPM_SOCKETS";
        int result = 0;

        for (unsigned i = 0; i < HANDED_VARIABLES_MAX && result >= 0; i++) {
                const char *list;
                int r;

                if (i > 0)
                        snprintf(variable, sizeof(variable), "FPM_SOCKETS_%u", i);
                list = getenv(variable);
                if (!list)
                        break;
                r = handed_take_all(ret, variable, list, problems);
                result = r < 0 ? r : MAX(result, r);
                unsetenv(variable);
        }
        return result;
}

int handed_claim(struct handed *h, const struct addr *a) {
        for (size_t i = 0; i < h->n; i++) {
                int fd = h->items[i].fd;

                if (fd < 0 || !addr_equal(&h->items[i].address, a))
                        continue;
                h->items[i].fd = -1;
                return fd;
        }
        return -ENOENT;
}

void handed_done(struct handed *h) {
        for (size_t i = 0; i < h->n; i++) {
                const struct addr *a = &h->items[i].address;

                if (h->items[i].fd < 0)
                        continue;
                if (a->sa.sa_family == AF_UNIX && a->un.sun_path[0])
                        (void)trusted_unlink(a->un.sun_path);
                nowait_close(h->items[i].fd);
        }
        free(h->items);
        *h = (struct handed){};
}
