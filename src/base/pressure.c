/* SPDX-License-Identifier: MIT */
#include "base/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/text.h"

/* "some 200000 2000000" and its like. */
#define PRESSURE_WRITE_MAX 256U

static int pressure_digit(char c) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *found = c ? strchr(digits, c) : NULL;

        return found ? (int)(found - digits) : -1;
}

/* Base64, RFC 4648 section 4. The number of bytes, or -EINVAL. */
static int pressure_decode(const char *text, uint8_t out[static PRESSURE_WRITE_MAX]) {
        size_t n_text = strlen(text), n = 0;
        uint32_t bits = 0;

        if (n_text % 4 != 0 || n_text / 4 * 3 > PRESSURE_WRITE_MAX)
                return -EINVAL;
        while (n_text > 0 && text[n_text - 1] == '=' && n_text % 4 != 2)
                n_text--;
        for (size_t i = 0; i < n_text; i++) {
                int digit = pressure_digit(text[i]);

                if (digit < 0)
                        return -EINVAL;
                bits = bits << 6 | (uint32_t)digit;
                if (i % 4 > 0)
                        out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
        return (int)n;
}

static int pressure_connect(const char *path) {
        _cleanup_fd_ int fd = -1;
        struct addr a;
        int r;

        r = addr_parse(path, &a);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, &a.sa, a.n) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* A FIFO is opened for both, so that it never ends; what is written there would come back. */
static int pressure_open_at(const char *path, mode_t type) {
        int fd;

        if (S_ISSOCK(type))
                return pressure_connect(path);
        if (!S_ISREG(type) && !S_ISFIFO(type))
                return -EBADF;
        fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int pressure_open(const char *watch, const char *write_first, int *ret, uint32_t *ret_events) {
        _cleanup_fd_ int fd = -1;
        uint8_t bytes[PRESSURE_WRITE_MAX];
        struct stat st;
        int n;

        if (!watch || text_equal(watch, "/dev/null"))
                return PRESSURE_E_OFF;
        n = pressure_decode(write_first ?: "", bytes);
        if (n < 0 || watch[0] != '/')
                return -EINVAL;
        if (stat(watch, &st) < 0)
                return -errno;
        fd = pressure_open_at(watch, st.st_mode);
        if (fd < 0)
                return fd;
        if (n > 0 && !S_ISFIFO(st.st_mode) && write(fd, bytes, (size_t)n) < 0)
                return -errno;
        *ret_events = S_ISREG(st.st_mode) ? EPOLLPRI : EPOLLIN;
        *ret = TAKE_FD(fd);
        return 0;
}

int pressure_take(int fd, uint32_t revents) {
        char scratch[4096];
        ssize_t n;

        if (revents & EPOLLPRI)
                return revents & EPOLLERR ? PRESSURE_E_OFF : 0;
        n = read(fd, scratch, sizeof(scratch));
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                return PRESSURE_E_OFF;
        return 0;
}
